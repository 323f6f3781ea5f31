"""A registry, Render and GitHub on loopback, for the benchmark: quick, and counting what they are asked.

Prints one JSON line with its two addresses, then serves until its standard input ends. The registry wants a token, as GHCR does; every
image is an index of two platforms and their two attestations. The other address is Render's and GitHub's, and holds the benchmark's own
doors: POST /bench/images {repository: commit}, POST /bench/deployed {"services": {service: repository}, "base": commit, "tip": commit},
POST /bench/latency {"seconds": s}, POST /bench/reset, GET /bench/counts. The record of deploys says that every service was deployed at the
base by a hook, and takes what is written without keeping it.
"""

import asyncio
import collections
import hashlib
import json
import sys

counts = collections.Counter()
images = {}  # repository -> {"manifests": {reference: (media type, bytes)}, "blobs": {digest: bytes}}
deployed = {"services": {}, "base": "", "tip": ""}
latency = 0.0

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


def digest_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def make_image(repository, commit):
    """An image as docker/build-push-action pushes it, under the tag of its commit."""
    manifests, blobs, entries = {}, {}, []

    def add(architecture, annotations=None):
        labels = {"org.opencontainers.image.revision": commit, "org.opencontainers.image.title": repository}
        config = json.dumps({"architecture": architecture, "os": "linux", "config": {"Labels": labels}}).encode()
        blobs[digest_of(config)] = config
        layers = [
            {"mediaType": LAYER, "digest": digest_of(f"{repository} {n}".encode()), "size": 1 << 20} for n in range(8)
        ]
        manifest = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": {"mediaType": CONFIG, "digest": digest_of(config), "size": len(config)},
                "layers": layers,
            }
        ).encode()
        manifests[digest_of(manifest)] = (MANIFEST, manifest)
        known = architecture != "unknown"
        entry = {
            "mediaType": MANIFEST,
            "digest": digest_of(manifest),
            "size": len(manifest),
            "platform": {"architecture": architecture, "os": "linux" if known else "unknown"},
        }
        if annotations:
            entry["annotations"] = annotations
        entries.append(entry)
        return entry["digest"]

    for architecture in ("amd64", "arm64"):
        child = add(architecture)
        add("unknown", {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": child})
    index = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).encode()
    manifests[digest_of(index)] = manifests[commit] = (INDEX, index)
    return {"manifests": manifests, "blobs": blobs}


def registry(method, target, headers, _body, port):
    path = target.split("?")[0]
    if path == "/token":
        counts["token"] += 1
        return 200, {"content-type": "application/json"}, b'{"token":"bench-token"}'
    if headers.get("authorization") != "Bearer bench-token":
        counts["challenge"] += 1
        realm = f'Bearer realm="http://127.0.0.1:{port}/token",service="bench",scope="repository:user/image:pull"'
        return 401, {"www-authenticate": realm}, b'{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}'
    counts["registry"] += 1
    for kind, media in (("manifests", None), ("blobs", "application/octet-stream")):
        repository, found, reference = path.removeprefix("/v2/").partition(f"/{kind}/")
        held = images.get(repository, {}).get(kind, {}).get(reference) if found else None
        if held is not None:
            media, data = (media, held) if media else held
            return 200, {"content-type": media, "docker-content-digest": digest_of(data)}, data
    return 404, {"content-type": "application/json"}, b'{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}'


def memory(asked):
    """The answer to the one query that the program has for GraphQL: an alias a service, each with a list of one environment."""
    repository = {"branch": {"target": {"oid": deployed["tip"]}}} if "branch" in asked else {}
    environments = {name[1:]: value[0] for name, value in asked.items() if name[0] == "e" and name[1:].isdigit()}
    for number, environment in environments.items():
        service = environment.partition("/")[2]
        digest = digest_of(b"the image before")
        payload = dict(v=1, service=service, id=f"srv-{service}", repository=deployed["services"][service], digest=digest)
        payload.update(platform_digest=digest, kind="deploy", run="1", attempt="1")
        status = {"state": "SUCCESS", "description": "accepted", "creator": {"login": "bench"}}
        node = dict(databaseId=int(number) + 1, task="ghcr-to-render", payload=json.dumps(payload), commitOid=deployed["base"])
        node.update(originalEnvironment=environment, creator={"login": "bench"}, latestStatus=status, statuses={"nodes": [status]})
        repository[f"s{number}"] = {"pageInfo": {"hasNextPage": False, "endCursor": None}, "nodes": [node]}
    return {"data": {"viewer": {"login": "bench"}, "repository": repository}}


def others(method, target, _headers, body, _port):
    global latency
    if target.startswith("/bench/"):
        door = target.removeprefix("/bench/")
        if door == "images":
            images.clear()
            images.update({repository: make_image(repository, commit) for repository, commit in json.loads(body).items()})
        elif door == "deployed":
            deployed.update(json.loads(body))
        elif door == "latency":
            latency = json.loads(body)["seconds"]
        elif door == "reset":
            counts.clear()
        return 200, {"content-type": "application/json"}, json.dumps(counts).encode()
    if target.startswith("/deploy/"):
        counts["hook"] += 1
        return 200, {"content-type": "application/json"}, json.dumps({"deploy": {"id": f"dep-{counts['hook']}"}}).encode()
    counts["github"] += 1
    if target == "/graphql":
        return 200, {"content-type": "application/json"}, json.dumps(memory(json.loads(body)["variables"])).encode()
    if method == "POST" and "/deployments" in target:
        return 201, {"content-type": "application/json"}, b'{"id":4711}'
    return 404, {"content-type": "application/json"}, b'{"message":"Not Found"}'


class Server(asyncio.Protocol):
    """As much of HTTP/1.1 as one client needs: requests with Content-Length or without body, connections kept open."""

    def __init__(self, answer):
        self.answer, self.buffer, self.queue = answer, b"", None

    def connection_made(self, transport):
        self.transport = transport
        self.port = transport.get_extra_info("sockname")[1]

    def data_received(self, data):
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            lines = self.buffer[:end].decode("latin-1").split("\r\n")
            method, target, _ = lines[0].split(" ", 2)
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
            whole = end + 4 + int(headers.get("content-length", 0))
            if len(self.buffer) < whole:
                return
            body, self.buffer = self.buffer[end + 4 : whole], self.buffer[whole:]
            status, more, data = self.answer(method, target, headers, body, self.port)
            more["content-length"] = str(len(data))
            head = "".join(f"{name}: {value}\r\n" for name, value in more.items())
            reply = f"HTTP/1.1 {status} -\r\n{head}\r\n".encode() + (b"" if method == "HEAD" else data)
            if latency and not target.startswith("/bench/"):
                asyncio.get_running_loop().call_later(latency, self.transport.write, reply)
            else:
                self.transport.write(reply)


async def main():
    loop = asyncio.get_running_loop()
    ports = []
    for answer in (registry, others):
        server = await loop.create_server(lambda answer=answer: Server(answer), "127.0.0.1", 0, backlog=256)
        ports.append(server.sockets[0].getsockname()[1])
    print(json.dumps({"registry": f"127.0.0.1:{ports[0]}", "others": f"127.0.0.1:{ports[1]}"}), flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


asyncio.run(main())
