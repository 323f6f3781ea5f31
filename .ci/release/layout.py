"""Makes an OCI image layout of images that docker saved, and looks at one.

make DIRECTORY SECONDS ARCHIVE...  writes DIRECTORY/image, a layout whose one entry is an index of the archives' images, and each image's
                                   program to DIRECTORY. SECONDS since 1970 stand for every time in it.
check LAYOUT                       refuses an index whose programs are not what their platforms say; prints the programs' checksums.

Layouts: https://github.com/opencontainers/image-spec/blob/v1.1.0/image-layout.md. Nothing but Python's own library is used.
"""

import gzip
import hashlib
import io
import json
import os
import pathlib
import struct
import sys
import tarfile
import time
import zlib

PROGRAM = "ghcr-to-render"
ROOTS = "etc/ssl/certs/ca-certificates.crt"
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
# e_machine of the ELF header: https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html
MACHINES = {"amd64": 62, "arm64": 183}


def fail(why):
    sys.exit(f"error: {why}")


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def as_json(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def compressed(data):
    """Gzip whose header says nothing about when and where, so that the same bytes give the same bytes."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = deflate.compress(data) + deflate.flush()
    return b"\x1f\x8b\x08\0\0\0\0\0\x02\xff" + body + struct.pack("<II", zlib.crc32(data), len(data) & 0xFFFFFFFF)


def program_in(layer, architecture):
    """The program in a layer's tar, which holds nothing else but the roots."""
    with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
        files = {entry.name.lstrip("./"): entry for entry in tar if not entry.isdir()}
        if sorted(files) != sorted([PROGRAM, ROOTS]) or not all(entry.isreg() for entry in files.values()):
            fail(f"the image for {architecture} holds {sorted(files)}, wanted the program and the roots")
        if files[PROGRAM].mode & 0o111 == 0:
            fail(f"the program for {architecture} cannot be executed")
        program = tar.extractfile(files[PROGRAM]).read()
    if program[:6] != b"\x7fELF\x02\x01":
        fail(f"the program for {architecture} is no ELF file of 64 bits")
    machine, = struct.unpack_from("<H", program, 18)
    if machine != MACHINES[architecture]:
        fail(f"the program for {architecture} is for ELF machine {machine}, wanted {MACHINES[architecture]}")
    start, = struct.unpack_from("<Q", program, 32)
    size, count = struct.unpack_from("<HH", program, 54)
    kinds = [struct.unpack_from("<I", program, start + number * size)[0] for number in range(count)]
    if 3 in kinds:
        fail(f"the program for {architecture} wants a loader (PT_INTERP), wanted a static one")
    return program


def image_of(archive):
    """The config and the uncompressed layers of what `docker save` wrote."""
    with tarfile.open(archive) as tar:
        read = lambda name: tar.extractfile(name).read()
        saved, = json.loads(read("manifest.json"))
        config = json.loads(read(saved["Config"]))
        layers = [read(name) for name in saved["Layers"]]
    layers = [gzip.decompress(layer) if layer[:2] == b"\x1f\x8b" else layer for layer in layers]
    if [digest(layer) for layer in layers] != config["rootfs"]["diff_ids"]:
        fail(f"the layers of {archive} are not those of its config")
    return config, layers


def make(out, seconds, *archives):
    when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(seconds)))
    layout = pathlib.Path(out) / "image"
    blobs = layout / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def put(data, media_type, **more):
        (blobs / digest(data)[7:]).write_bytes(data)
        return {"mediaType": media_type, "digest": digest(data), "size": len(data), **more}

    entries = []
    for archive in archives:
        config, layers = image_of(archive)
        architecture = config["architecture"]
        if len(layers) != 1:
            fail(f"the image for {architecture} has {len(layers)} layers, wanted one")
        program = pathlib.Path(out) / f"{PROGRAM}-linux-{architecture}"
        program.write_bytes(program_in(layers[0], architecture))
        program.chmod(0o755)
        labels = config["config"]["Labels"]
        annotations = {**labels, "org.opencontainers.image.created": when}
        # What docker adds of its own (versions, ids, the time of the build) does not belong to the image.
        history = [{**{key: step[key] for key in ("created_by", "empty_layer") if key in step}, "created": when}
                   for step in config.get("history", [])]
        platform = {"os": config["os"], "architecture": architecture}
        config = {**platform, "config": {key: config["config"][key] for key in ("Entrypoint", "Env", "Labels")},
                  "created": when, "history": history, "rootfs": config["rootfs"]}
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": put(as_json(config), CONFIG),
                    "layers": [put(compressed(layers[0]), LAYER)], "annotations": annotations}
        entries.append(put(as_json(manifest), MANIFEST, platform=platform))
        size = manifest["layers"][0]["size"] + manifest["config"]["size"]
        print(f"linux/{architecture}: {size} bytes compressed, {len(layers[0])} unpacked, layer {config['rootfs']['diff_ids'][0]}")
    index = put(as_json({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries, "annotations": annotations}), INDEX)
    (layout / "index.json").write_bytes(as_json({"schemaVersion": 2, "manifests": [index]}))
    (layout / "oci-layout").write_bytes(b'{"imageLayoutVersion":"1.0.0"}')
    print(f"index: {index['digest']}")


def check(layout):
    blobs = pathlib.Path(layout) / "blobs" / "sha256"

    def blob(descriptor):
        data = (blobs / descriptor["digest"][7:]).read_bytes()
        if digest(data) != descriptor["digest"]:
            fail(f"the bytes of {descriptor['digest']} have digest {digest(data)}")
        return data

    top, = json.loads((pathlib.Path(layout) / "index.json").read_bytes())["manifests"]
    if top["mediaType"] != INDEX:
        fail(f"the image is a {top['mediaType']}, wanted an index")
    found = []
    for entry in json.loads(blob(top))["manifests"]:
        architecture = entry["platform"]["architecture"]
        if entry["platform"]["os"] != "linux" or architecture not in MACHINES:
            fail(f"the index has platform {entry['platform']}, wanted linux/amd64 and linux/arm64")
        manifest = json.loads(blob(entry))
        config = json.loads(blob(manifest["config"]))
        if config["architecture"] != architecture:
            fail(f"the image for {architecture} says that it is for {config['architecture']}")
        layer, = manifest["layers"]
        program = program_in(gzip.decompress(blob(layer)), architecture)
        found.append(architecture)
        print(f"{hashlib.sha256(program).hexdigest()}  {PROGRAM}-linux-{architecture}")
    if sorted(found) != sorted(MACHINES):
        fail(f"the index has {found}, wanted {sorted(MACHINES)}")


if __name__ == "__main__":
    os.umask(0o022)
    {"make": make, "check": check}[sys.argv[1]](*sys.argv[2:])
