"""The documents that people read, and what is in them: links, headings and blocks of code."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote

from markdown_it import MarkdownIt
from markdown_it.token import Token

_MARKDOWN = MarkdownIt("commonmark").enable("table")


@dataclass(frozen=True)
class Block:
    """A fenced block of code: its `words` are what stands behind the fence, its language first."""

    document: Path
    line: int
    words: tuple[str, ...]
    text: str

    @property
    def language(self) -> str:
        """The language, or nothing."""
        return self.words[0] if self.words else ""

    @property
    def needs_account(self) -> bool:
        """True if it can only be run by somebody who has an account with AWS."""
        return "account" in self.words[1:]

    def __str__(self) -> str:
        return f"{self.document}:{self.line}"


def find_documents() -> list[Path]:
    """Return README.md, CONTRIBUTING.md and all of docs, as far as they are there."""
    named = [path for path in (Path("README.md"), Path("CONTRIBUTING.md")) if path.exists()]
    return named + sorted(Path("docs").rglob("*.md"))


def blocks_of(document: Path, *languages: str) -> list[Block]:
    """Return the document's fenced blocks of code in these languages, or all of them."""
    fences = (token for token in _parse(document) if token.type == "fence")
    blocks = (
        Block(document, token.map[0] + 1, tuple(token.info.split()), token.content) for token in fences if token.map
    )
    return [block for block in blocks if not languages or block.language in languages]


def dead_links(document: Path) -> list[str]:
    """Return the document's relative links, with their lines, that lead to no file or to no heading of a document."""
    return [f"{document}:{line}: {link}" for line, link in _links_of(document) if not _is_alive(document, link)]


def anchors_of(document: Path) -> set[str]:
    """Return the anchors that GitHub gives the document's headings."""
    seen: Counter[str] = Counter()
    anchors = set()
    tokens = _parse(document)
    for opening, inline in pairwise(tokens):
        if opening.type != "heading_open":
            continue
        text = "".join(part.content for part in inline.children or () if part.type in ("text", "code_inline"))
        anchor = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        anchors.add(f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor)
        seen[anchor] += 1
    return anchors


def _links_of(document: Path) -> Iterator[tuple[int, str]]:
    for token in _parse(document):
        for part in token.children or ():
            link = part.attrGet("href") or part.attrGet("src")
            if token.map and isinstance(link, str) and not re.match(r"[a-z]+:", link):
                yield token.map[0] + 1, link


def _is_alive(document: Path, link: str) -> bool:
    path, _, anchor = unquote(link).partition("#")
    target = document.parent / path if path else document
    if not target.exists():
        return False
    return not anchor or target.suffix != ".md" or anchor in anchors_of(target)


def _parse(document: Path) -> list[Token]:
    return _MARKDOWN.parse(document.read_text("utf-8"))
