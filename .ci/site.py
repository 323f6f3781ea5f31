"""Checks a built site: every link leads to a file and an anchor that exist, and nothing is loaded from another host.

Usage: python3 .ci/site.py DIRECTORY
"""

import html.parser
import pathlib
import posixpath
import re
import sys
import urllib.parse

# What a browser fetches by itself, by element: the attribute with its address. Links with these relations are fetched too.
LOADED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src", "audio": "src", "object": "data"}
FETCHED = {"stylesheet", "icon", "preconnect", "preload", "prefetch", "dns-prefetch", "modulepreload", "manifest"}
IN_STYLES = re.compile(r"url\(\s*['\"]?([^'\")]+)|@import\s+['\"]([^'\"]+)")


class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.anchors, self.links, self.loaded = set(), [], []

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.anchors |= {given[name] for name in ("id", "name") if given.get(name)}
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        if tag == "link" and FETCHED & set((given.get("rel") or "").split()):
            self.loaded.append(given.get("href") or "")
        if tag in LOADED and given.get(LOADED[tag]):
            self.loaded.append(given[LOADED[tag]])


def main():
    site = pathlib.Path(sys.argv[1])
    pages, wrong = {}, []
    for path in sorted(site.rglob("*.html")):
        page = Page()
        page.feed(path.read_text(encoding="utf-8"))
        pages[path.relative_to(site).as_posix()] = page
    # The address under which the site is published, for the page that does not know where it is shown.
    base = next(link for link in pages["404.html"].links if link.startswith("https://"))
    base = "/".join(base.split("/")[:4]) + "/"

    def check(name, link, is_loaded):
        link = link.replace(base, "/", 1) if link.startswith(base) else link
        prefix = urllib.parse.urlsplit(base).path
        link = link.replace(prefix, "/", 1) if name == "404.html" and link.startswith(prefix) else link
        address = urllib.parse.urlsplit(link)
        if address.scheme in ("data", "mailto") or address.netloc and not is_loaded:
            return
        if address.netloc:
            wrong.append(f"{name}: loads {link} from another host")
            return
        path = posixpath.normpath(posixpath.join("/", posixpath.dirname(name), urllib.parse.unquote(address.path)))
        if not address.path:
            path = "/" + name
        file = site / path.lstrip("/")
        file = file / "index.html" if file.is_dir() else file
        if not file.is_file():
            wrong.append(f"{name}: {link}: there is no such file")
        elif address.fragment and file.suffix == ".html":
            anchors = pages[file.relative_to(site).as_posix()].anchors
            if urllib.parse.unquote(address.fragment) not in anchors:
                wrong.append(f"{name}: {link}: there is no such anchor")

    for name, page in pages.items():
        for link in page.links:
            check(name, link, False)
        for link in page.loaded:
            check(name, link, True)
    for path in site.rglob("*.css"):
        for found in IN_STYLES.finditer(path.read_text(encoding="utf-8")):
            address = found.group(1) or found.group(2)
            if re.match(r"(https?:)?//", address):
                wrong.append(f"{path.relative_to(site)}: loads {address} from another host")
    if "404.html" not in pages or len(pages) < 20:
        wrong.append(f"only {len(pages)} pages")
    print("\n".join(wrong) or f"{len(pages)} pages: every link leads somewhere, and nothing is loaded from another host")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
