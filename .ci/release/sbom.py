"""Prints a CycloneDX bill of materials of the program: every crate that becomes a part of it, on either architecture, macros included.

Usage: python3 .ci/release/sbom.py COMMIT SECONDS (since 1970, of the commit)
Format: https://cyclonedx.org/docs/1.6/json/
"""

import json
import re
import subprocess
import sys
import time
import uuid

TARGETS = ("x86_64-unknown-linux-musl", "aarch64-unknown-linux-musl")
LINE = re.compile(r"(\d+)(\S+) v(\S+)[^|]*\|(.*)")


def checksums():
    lock = open("Cargo.lock", encoding="utf-8").read()
    entry = re.compile(r'name = "(.+)"\nversion = "(.+)"\nsource = ".+"\nchecksum = "([0-9a-f]{64})"')
    return {(name, version): checksum for name, version, checksum in entry.findall(lock)}


def main(commit, seconds):
    # Of what cargo prints, only this tree is exact: `cargo metadata` counts features that tests alone turn on.
    licenses, needs = {}, {}
    for target in TARGETS:
        command = ["cargo", "tree", "--locked", "--edges", "normal", "--no-dedupe", "--prefix", "depth", "--format", "{p}|{l}", "--target", target]
        above = []
        for line in subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines():
            depth, name, version, license_ = LINE.fullmatch(line).groups()
            crate = (name, version)
            licenses[crate] = license_
            needs.setdefault(crate, set())
            del above[int(depth):]
            if above:
                needs[above[-1]].add(crate)
            else:
                root = crate
            above.append(crate)
    known = checksums()

    def purl(crate):
        return f"pkg:cargo/{crate[0]}@{crate[1]}"

    def reference(crate):
        # A crate of this repository is on no registry: it has no checksum, and the registry's crate of the same name is another one.
        return purl(crate) if crate in known or crate == root else f"{crate[0]}@{crate[1]}"

    def component(crate):
        described = {"type": "library", "bom-ref": reference(crate), "name": crate[0], "version": crate[1]}
        if licenses[crate]:
            described["licenses"] = [{"expression": licenses[crate].replace("/", " OR ")}]
        if crate in known or crate == root:
            described["purl"] = purl(crate)
        if crate in known:
            described["hashes"] = [{"alg": "SHA-256", "content": known[crate]}]
        return described

    order = sorted(needs)
    json.dump({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, purl(root) + '#' + commit)}",
        "version": 1,
        "metadata": {
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(seconds))),
            "component": {**component(root), "type": "application", "properties": [{"name": "commit", "value": commit}]},
        },
        "components": [component(crate) for crate in order if crate != root],
        "dependencies": [{"ref": reference(crate), "dependsOn": sorted(map(reference, needs[crate]))} for crate in order],
    }, sys.stdout, indent=1)


if __name__ == "__main__":
    main(*sys.argv[1:])
