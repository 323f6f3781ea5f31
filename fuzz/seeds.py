"""Writes the texts that fuzzing begins with: what the tests read, and one of each kind of answer. Usage: seeds.py FIXTURES DIRECTORY"""

import json
import pathlib
import shutil
import sys

fixtures, kept = map(pathlib.Path, sys.argv[1:])
shutil.rmtree(kept, ignore_errors=True)

EVENTS = ["push", "pull_request", "merge_group", "workflow_run", "workflow_dispatch", "repository_dispatch", "schedule", "pull_request_target"]
SHA = "0123456789abcdef0123456789abcdef01234567"
DIGEST = "sha256:" + "a" * 64
OCI = "application/vnd.oci.image."
DESCRIPTOR = {"mediaType": OCI + "manifest.v1+json", "digest": DIGEST, "size": 7}


def seed(target, name, data):
    directory = kept / target
    directory.mkdir(parents=True, exist_ok=True)
    (directory / name).write_bytes(data if isinstance(data, bytes) else data.encode())


def answers(target, bodies):
    """Each kind of body, with the number of its kind as the first byte."""
    for number, body in enumerate(bodies):
        text = body if isinstance(body, str) else json.dumps(body)
        seed(target, f"kind-{number}", bytes([number]) + text.encode())


for file in sorted(fixtures.glob("events/**/*.json")):
    kinds = [number for number, name in enumerate(EVENTS) if file.name.split(".")[0] == name] or [0, 1]
    for number in kinds:
        seed("events", f"{number}-{file.stem}", bytes([number]) + file.read_bytes()[:4095])
for file in sorted(fixtures.glob("manifests/**/*.yml")):
    seed("manifests", f"{file.parent.name}-{file.stem}", file.read_bytes()[:4096])
PATTERNS = ["services/a\ri/**\na", "services/api/**\nservices/api/x", "**.md\n!docs/**\ndocs/a.md", "a/{b,c{d,e}}/[!x-z]?*\na/cd/yb", "app/[slug]/page.tsx\napp/[slug]/page.tsx", "**/*/**/b\na/a/b"]
for number, text in enumerate(PATTERNS):
    seed("patterns", str(number), text)
for number, text in enumerate(["ghcr.io/acme/api", "localhost:5000/a/b-c_d.e__f", "127.0.0.1:1/a", DIGEST, "pr-7-" + SHA, "[::1]:5000/a"]):
    seed("references", str(number), text)
for number, text in enumerate(["https://api.render.com/deploy/srv-abc123?key=Zx81kk_-", "srv-abc?key=abcdefgh", "http://127.0.0.1:8080", "http://[::1]:1", "abcdefgh"]):
    seed("hooks", str(number), text)
for number, text in enumerate(["{sha}", "pr-{number}-{sha}\npr-7-" + SHA, "prod-{number}\nprod-42", "v{version}\nv1.2.3", "prod-{number}\npr-{number}-{sha:7}", "x{sha:7}y{number}z\nx0123456y7z"]):
    seed("templates", str(number), text)
for number, text in enumerate(["plain", "::error::x", "a ##[set-output name=t]x", "a\r\n::x::y", "tags<<E\nx\nE", "\u2028\u200b::x::"]):
    seed("runner", str(number), text)
index = {"schemaVersion": 2, "mediaType": OCI + "index.v1+json", "manifests": [{**DESCRIPTOR, "platform": {"os": "linux", "architecture": "amd64"}}]}
image = {"schemaVersion": 2, "mediaType": OCI + "manifest.v1+json", "config": {**DESCRIPTOR, "mediaType": OCI + "config.v1+json"}, "layers": [DESCRIPTOR]}
answers("registry", [
    {"token": "djE6abc", "expires_in": 300},
    index,
    image,
    {"os": "linux", "architecture": "amd64", "config": {"Labels": {"org.opencontainers.image.revision": SHA}}},
    {**index, "subject": DESCRIPTOR},
    'Bearer realm="https://registry.acme.example/token",service="registry.acme.example",scope="repository:a/b:pull"',
])
service = {"id": "srv-abc123", "name": "api", "type": "web_service", "suspended": "not_suspended", "suspenders": [], "imagePath": "ghcr.io/acme/api:x", "dashboardUrl": "https://dashboard.render.com/web/srv-abc123", "serviceDetails": {"url": "https://api.onrender.com", "parentServer": {"id": "srv-def456"}}}
event = {"type": "deploy_ended", "details": {"deployId": "dep-abc123", "deployStatus": "failed", "reason": {"failure": {"nonZeroExit": 1, "oomKilled": {"memoryLimit": "512Mi"}}}}}
answers("render", [
    {"deploy": {"id": "dep-abc123"}},
    {"id": "dep-abc123"},
    [{"deploy": {"id": "dep-abc123", "status": "live", "image": {"ref": "ghcr.io/a/b@" + DIGEST, "sha": DIGEST}, "trigger": "deploy_hook"}, "cursor": "x"}],
    service,
    [{"service": service, "cursor": "x"}],
    {"service": service, "deployId": "dep-abc123"},
    [{"event": event, "cursor": "x"}],
    {"message": "image pull failed: manifest unknown"},
])
entry = {"path": "a/b", "mode": "100644", "sha": SHA, "type": "blob"}
payload = {"v": 1, "service": "api", "repository": "ghcr.io/acme/api", "digest": DIGEST, "platform_digest": DIGEST, "kind": "deploy", "id": "srv-abc123", "image_commit": SHA, "release": "prod-7", "from": SHA, "to": 7, "run": "1", "attempt": "1"}
bot = {"login": "github-actions[bot]"}
deployment = {"databaseId": 7, "task": "ghcr-to-render", "payload": payload, "commitOid": SHA, "originalEnvironment": "staging/api", "creator": bot, "latestStatus": {"state": "SUCCESS", "description": "live", "creator": bot}, "statuses": {"nodes": [None]}}
preview = {**deployment, "originalEnvironment": "preview/api", "payload": {"v": 1, "pr": 7, "service": "api", "id": "srv-abc123", "parent": "srv-def456", "repository": "ghcr.io/acme/api", "digest": DIGEST}}
answers("github", [
    {"status": "ahead", "merge_base_commit": {"sha": SHA}, "files": [{"filename": "a", "previous_filename": "b"}]},
    [{"tree": [entry], "truncated": False}, {"tree": [entry], "truncated": False}],
    [{"ref": "refs/tags/prod-1", "object": {"type": "tag", "sha": SHA}}],
    deployment,
    [bot, preview],
])
