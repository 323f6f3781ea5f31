"""Prints no-docker/action.yml: the inputs and outputs of action.yml, word for word, before two steps of its own.

Usage: python3 .ci/second-door.py >no-docker/action.yml (after action.yml changed; a test compares the two)
"""

import pathlib
import re

action = pathlib.Path("action.yml").read_text(encoding="utf-8")
branding, inputs, outputs = (
    re.search(rf"^{block}:\n(?:(?:  .*)?\n)+", action, re.MULTILINE).group() for block in ("branding", "inputs", "outputs")
)
names = lambda block: re.findall(r"^  ([a-z-]+):$", block, re.MULTILINE)

print("# The second door, for runners without Docker such as ubuntu-slim. Made by .ci/second-door.py of action.yml.")
print("name: Deploy GHCR images to Render, without Docker")
print(re.search(r"^author: .*$", action, re.MULTILINE).group())
print("description: The same program for Linux runners without Docker, as a static binary whose SHA-256 is checked.\n")
print(branding.rstrip() + "\n")
print(inputs.rstrip() + "\n")
print("outputs:")
for name, description in re.findall(r"^  ([a-z-]+):\n    description: (.*)$", outputs, re.MULTILINE):
    print(f"  {name}:\n    description: {description}\n    value: ${{{{ steps.run.outputs.{name} }}}}")
# What an earlier step could have left for the loader of glibc and for OpenSSL: they act before a script of ours could take them back.
EMPTIED = ("LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT", "LD_DEBUG", "LD_DEBUG_OUTPUT", "LD_PROFILE", "LD_PROFILE_OUTPUT", "GLIBC_TUNABLES",
           "GCONV_PATH", "LOCPATH", "NLSPATH", "OPENSSL_CONF", "OPENSSL_MODULES", "OPENSSL_ENGINES")
emptied = "\n".join(f'        {name}: ""' for name in EMPTIED)

print(f"""
# Two steps, so that fetching is given no secret. The shell is named by its path and reads no file, variable or function that an earlier step
# could have left; inputs go by the environment, and none is put into a script. What the loader reads is emptied for each step: only `env:` takes
# effect before the shell itself is loaded.
runs:
  using: composite
  steps:
    - name: Fetch
      id: fetch
      shell: /bin/bash --noprofile --norc -peo pipefail {{0}}
      run: '"$GITHUB_ACTION_PATH/fetch"'
      env:
{emptied}
    - name: Run
      id: run
      shell: /bin/bash --noprofile --norc -peo pipefail {{0}}
      run: exec "$PROGRAM"
      env:
{emptied}
        PROGRAM: ${{{{ steps.fetch.outputs.program }}}}""")
for name in names(inputs):
    print(f"        INPUT_{name.upper()}: ${{{{ inputs.{name} }}}}")
