"""What mkdocs.yml cannot say: the pages from the root of the repository, the links to its other files, and Mermaid from npm."""

import pathlib
import posixpath
import re

from mkdocs.structure.files import File

ROOT = pathlib.Path(__file__).parent.parent
# The pages of the site that are files of the root.
PAGES = {"README.md": "index.md", "SECURITY.md": "security.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
MERMAID = "assets/mermaid.min.js"

LINK = re.compile(r"(?P<before>\]\()(?P<link>[^)\s]+)(?P<after>\))")
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
BADGES = re.compile(r"^\[!\[.*\n", re.MULTILINE)


def on_files(files, config):
    for path, page in PAGES.items():
        # Badges are pictures of third parties.
        text = BADGES.sub("", (ROOT / path).read_text(encoding="utf-8"))
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown, page, config, files):
    pages = {name: path for path, name in PAGES.items()}
    # Where the page is in the repository.
    path = pages.get(page.file.src_uri, f"docs/{page.file.src_uri}")
    repository = next(link["link"] for link in config.extra["social"])
    known = {file.src_uri for file in files if file.inclusion.is_included()}

    def target(link):
        if re.match(r"[a-z]+:|#", link):
            return link
        file, _, anchor = link.partition("#")
        file = posixpath.normpath(posixpath.join(posixpath.dirname(path), file))
        anchor = anchor and f"#{anchor}"
        inside = PAGES.get(file, file.removeprefix("docs/"))
        if (file in PAGES or file.startswith("docs/")) and inside in known:
            # Pages of the root and of docs/ are beside each other.
            return inside + anchor
        kind = "tree" if (ROOT / file).is_dir() else "blob"
        return f"{repository}/{kind}/main/{file}{anchor}"

    def in_prose(text):
        return LINK.sub(lambda link: link["before"] + target(link["link"]) + link["after"], text)

    parts, begun = [], 0
    for fence in FENCE.finditer(markdown):
        parts += [in_prose(markdown[begun : fence.start()]), fence.group()]
        begun = fence.end()
    return "".join([*parts, in_prose(markdown[begun:])])


def on_page_content(html, page, config, files):
    # GitHub wants the bar of a table's code written with a backslash, and shows none.
    unescaped = lambda code: code.group().replace("\\|", "|")
    return re.sub(r"<td.*?</td>", lambda cell: re.sub(r"<code>.*?</code>", unescaped, cell.group()), html, flags=re.DOTALL)


def on_post_page(output, page, config):
    # The theme would fetch Mermaid from a third party where it is not there already.
    if 'class="mermaid"' in output:
        depth = page.url.count("/")
        script = f'<script src="{"../" * depth}{MERMAID}"></script>'
        output = output.replace("<script id=\"__config\"", script + "<script id=\"__config\"", 1)
    return output


def on_post_build(config):
    source = ROOT / "target/tools/npm/node_modules/mermaid/dist/mermaid.min.js"
    target = pathlib.Path(config.site_dir) / MERMAID
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(source.read_bytes())
