"""The documents that people read, and what is in them: links, headings and blocks of code."""

import re
import shlex
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote

from markdown_it import MarkdownIt
from markdown_it.token import Token

_JOB = re.compile(r"(?:.*/)?jobs/(\w+)\.py")
_MARKDOWN = MarkdownIt("commonmark").enable("table")


@dataclass(frozen=True)
class Block:
    """A fenced block of code: its `words` are what stands after the fence, its language first."""

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

    @property
    def exit_code(self) -> int:
        """The exit code of its last command: a word `exit=3` says that it isn't 0."""
        return next((int(word.removeprefix("exit=")) for word in self.words if word.startswith("exit=")), 0)

    @property
    def output(self) -> str:
        """What a console shows after its last command."""
        lines = self.text.replace("\\\n", " ").splitlines()
        commands = [at for at, line in enumerate(lines) if line.startswith("$ ")]
        return "\n".join(lines[commands[-1] + 1 :]) if commands else ""

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


def commands_in(block: Block) -> Iterator[list[str]]:
    """Yield the words of each command: of a console what stands after "$ ", else every line but comments."""
    lines = block.text.replace("\\\n", " ").splitlines()
    if block.language == "console":
        lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    for line in lines:
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words: list[str] = []
        tokens = iter(lexer)
        for token in tokens:
            if token and set(token) <= set("|&;()"):
                yield words
                words = []
            elif token and set(token) <= set("<>&"):
                next(tokens, None)  # where it's written to
                words = words[:-1] if words[-1:] == ["2"] else words
            else:
                words.append(token)
        yield words


def arguments_of(words: list[str]) -> list[str] | None:
    """Return the arguments of `event-lake` that a command's words come to; None if it isn't called."""
    if words and Path(words[0]).name == "event-lake":
        return words[1:]
    for at, word in enumerate(words):
        if words[at - 1 : at + 1] == ["-m", "event_lake"]:
            return words[at + 1 :]
        if job := _JOB.fullmatch(word):
            return [job[1].replace("_", "-"), *words[at + 1 :]]
    return None


def jobs_in(block: Block) -> list[list[str]]:
    """Return the arguments of each call of `event-lake` in the block."""
    return [called for words in commands_in(block) if (called := arguments_of(words)) is not None]


def local_blocks_of(document: Path) -> list[Block]:
    """Return the document's blocks that a lake on one's own machine is enough for: Python, and commands with jobs."""
    blocks = (block for block in blocks_of(document, "console", "sh", "python") if not block.needs_account)
    return [block for block in blocks if block.language == "python" or jobs_in(block)]


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
