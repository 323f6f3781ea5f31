"""Measures the sentences of the documents: 16 words on average, none over 30.

Usage: python3 .ci/words.py [--show] [--help-of PROGRAM] FILE...

- Markdown: paragraphs, list items and cells of tables are read. Code blocks, headings and comments are not.
- action.yml: the descriptions. A JSON Schema: its descriptions. PROGRAM: what --help prints.
- A sentence ends at a full stop, a question mark or an exclamation mark, and at the end of its paragraph, item or cell.
  It does not end at a colon or a semicolon.
- Code in backticks is one word. A link counts with its text. A word has a letter or a digit.
- The average is that of paragraphs and list items, of each document by itself. Fragments (of fewer than four words) and cells of tables
  do not lower it. The limit of 30 words holds for all of them.

--show prints every sentence with its length, the longest first.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys

MOST = 30
AVERAGE = 16
FRAGMENT = 4

COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
FENCE = re.compile(r"^ *(```+|~~~+)")
ITEM = re.compile(r"^ *(?:[-*+]|\d+[.)]) +(?:\[[ x]\] +)?")
ADMONITION = re.compile(r"^ *(?:!!!|\?\?\?\+?|===) ")
CELL = re.compile(r"(?<!\\)\|")
CODE = re.compile(r"(`+).+?\1", re.DOTALL)
IMAGE = re.compile(r"!\[([^\]]*)\]\([^)]*\)")
LINK = re.compile(r"\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])")
TAG = re.compile(r"</?[a-z][^>]*>")
# The words after which a full stop ends nothing.
ABBREVIATION = re.compile(r"\b(?:e\.g|i\.e|etc|vs|no)\.$", re.IGNORECASE)
END = re.compile(r"(?<=[.!?])[\"')\]*_]*\s+(?=[\"'(\[*_]*[A-Z0-9])")


class Block:
    """A paragraph, an item or a cell: what no sentence reaches across."""

    def __init__(self, place, text, is_cell=False):
        self.place, self.text, self.is_cell = place, text, is_cell


def markdown(name, text):
    """The blocks of a Markdown document."""
    text = COMMENT.sub(lambda comment: "\n" * comment.group().count("\n"), text)
    blocks, lines, begun, fence = [], [], 0, None

    def close():
        if lines:
            blocks.append(Block(f"{name}:{begun}", " ".join(lines)))
            lines.clear()

    for number, line in enumerate(text.splitlines(), 1):
        mark = FENCE.match(line)
        if fence or mark:
            close()
            if not fence:
                fence = mark.group(1)
            elif mark and line.strip() == fence:
                fence = None
            continue
        plain = re.sub(r"^(?: *>)+ ?", "", line).strip()
        is_heading = re.match(r"#{1,6} ", plain)
        if not plain or is_heading or ADMONITION.match(line):
            close()
        elif plain.startswith("|"):
            close()
            if not re.fullmatch(r"[|\s:-]+", plain):
                cells = CELL.split(CODE.sub(lambda code: code.group().replace("|", " "), plain))
                blocks += [Block(f"{name}:{number}", part, True) for cell in cells for part in re.split(r"<br ?/?>", cell)]
        else:
            item = ITEM.match(line)
            if item:
                close()
                plain = line[item.end() :].strip()
            if not lines:
                begun = number
            lines.append(plain)
    close()
    return blocks


def action(name, text):
    """The descriptions of an action's inputs and outputs, and its own."""
    found = re.finditer(r"^ *description: (.*)$", text, re.MULTILINE)
    return [Block(f"{name}:{text.count(chr(10), 0, one.start()) + 1}", one.group(1).strip("\"'")) for one in found]


def schema(name, value, path=""):
    """The descriptions of a JSON Schema."""
    if isinstance(value, list):
        return [block for item in value for block in schema(name, item, path)]
    if not isinstance(value, dict):
        return []
    blocks = []
    for key, item in value.items():
        if key == "description" and isinstance(item, str):
            blocks.append(Block(f"{name}:{path or '/'}", item))
        else:
            blocks += schema(name, item, f"{path}/{key}")
    return blocks


def help_text(program):
    """What --help says: each option, argument and command is a block of its own, without its name and its default."""
    text = subprocess.run([program, "--help"], check=True, capture_output=True, text=True).stdout
    blocks = []
    for number, line in enumerate(text.splitlines(), 1):
        # Names stand in a column of their own, two blanks before what is said of them.
        said = re.split(r"^ *(?:-\S|\S).*?(?:  +)", line, maxsplit=1)[-1] if line.startswith(" ") else line
        blocks.append(Block(f"--help:{number}", re.sub(r" \[[^\]]*\]", "", said)))
    return blocks


def sentences(block):
    """The sentences of a block, as texts."""
    text = CODE.sub("Code", block.text)
    text = IMAGE.sub(r"\1", text)
    text = LINK.sub(r"\1", text)
    text = TAG.sub(" ", text)
    parts, begun = [], 0
    for end in END.finditer(text):
        if not ABBREVIATION.search(text[begun : end.start()]):
            parts.append(text[begun : end.start()])
            begun = end.end()
    return [*parts, text[begun:]]


def length(sentence):
    return sum(any(letter.isalnum() for letter in word) for word in sentence.split())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--show", action="store_true")
    parser.add_argument("--help-of", metavar="PROGRAM")
    parser.add_argument("files", nargs="+", metavar="FILE")
    given = parser.parse_args()

    groups = []
    for name in given.files:
        text = pathlib.Path(name).read_text(encoding="utf-8")
        if name.endswith(".json"):
            groups.append((name, schema(name, json.loads(text))))
        elif name.endswith((".yml", ".yaml")):
            groups.append((name, action(name, text)))
        else:
            groups.append((name, markdown(name, text)))
    if given.help_of:
        groups.append(("--help", help_text(given.help_of)))

    prose, too_long, everything, wordy = [], [], [], []
    for name, blocks in groups:
        own, long = [], 0
        for block in blocks:
            for sentence in sentences(block):
                words = length(sentence)
                everything.append((words, block.place, sentence))
                if words > MOST:
                    long += 1
                    too_long.append((words, block.place, sentence))
                if words >= FRAGMENT and not block.is_cell:
                    own.append(words)
        prose += own
        if own:
            average = sum(own) / len(own)
            print(f"{name}: {len(own)} sentences, {average:.1f} words on average, {long} over {MOST}")
            if average > AVERAGE:
                wordy.append(f"{name}: {average:.1f} words a sentence, wanted at most {AVERAGE} on average")

    if given.show:
        for words, place, sentence in sorted(everything, key=lambda one: -one[0]):
            print(f"{words:4} {place}: {sentence}")
    for words, place, sentence in too_long:
        print(f"{place}: {words} words: {sentence}", file=sys.stderr)
    for line in wordy:
        print(line, file=sys.stderr)
    average = sum(prose) / len(prose)
    print(f"together: {len(prose)} sentences, {average:.1f} words on average, {len(too_long)} over {MOST}")
    return 1 if too_long or wordy else 0


if __name__ == "__main__":
    sys.exit(main())
