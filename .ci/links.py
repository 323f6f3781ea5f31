"""Checks that every link between the project's own documents leads somewhere, headings included.

Usage: python3 .ci/links.py FILE.md...
"""

import pathlib
import re
import sys

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def headings(text):
    """The anchors that GitHub gives a document's headings."""
    titles = re.findall(r"^#+ (.*)$", FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


broken = []
for name in sys.argv[1:]:
    page = pathlib.Path(name)
    text = page.read_text()
    for link in LINK.findall(FENCE.sub("", text)):
        path, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", link):
            continue
        target = page.parent / path if path else page
        if not target.exists():
            broken.append(f"{name}: {link}: there is no such file")
        elif anchor and anchor not in headings(target.read_text()):
            broken.append(f"{name}: {link}: there is no such heading")

print("\n".join(broken) or "every link leads somewhere")
sys.exit(1 if broken else 0)
