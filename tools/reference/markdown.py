"""Texts of the code as Markdown."""

import inspect
import re
from collections.abc import Iterable, Sequence

# In comments and docstrings: what stands in backquotes, JSON objects, what is quoted, flags, files, keys and names.
_CODE = re.compile(
    r"""`[^`]+`
    | \{"[^{}]*\}
    | "[^"\n]*"
    | --[a-z-]+ (?:[ ][A-Z]+\b)?
    | (?:[\w<>-]+/)* [\w<>-]+ \.(?:toml|json|html|md|py)\b
    | \b(?:raw|staging|quality|conf)/[\w<>/]+
    | \b[a-z]+\.[a-z_]+\b
    | \b\w+_\w+\b""",
    re.VERBOSE,
)
# What a page of docs/reference begins with.
HEAD = "<!-- `make docs` writes this page from the code: change it there. -->"
_MARKUP = re.compile(r"([\\`*_<>\[\]|~])")


def as_prose(text: str) -> str:
    """Return one paragraph in one line: what is code in it marked as such, and nothing else taken for markup."""
    line = " ".join(text.split())
    made, at = "", 0
    for found in _CODE.finditer(line):
        made += _escape(line[at : found.start()]) + as_code(found[0].strip("`"))
        at = found.end()
    return made + _escape(line[at:])


def as_paragraphs(docstring: str | None) -> str:
    """Return a docstring's paragraphs, each in one line."""
    return "\n\n".join(as_prose(paragraph) for paragraph in inspect.cleandoc(docstring or "").split("\n\n"))


def first_paragraph(docstring: str | None) -> str:
    """Return the first paragraph of a docstring."""
    return as_paragraphs(docstring).split("\n\n")[0]


def as_code(text: str) -> str:
    """Return `text` as code within a line."""
    return f"`{text}`"


def as_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of cells that are Markdown already."""
    lines = ([cell.replace("|", "\\|") for cell in line] for line in (header, ["---"] * len(header), *rows))
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def as_page(title: str, *blocks: str) -> str:
    """Return a whole page of docs/reference."""
    return "\n\n".join([HEAD, f"# {title}", *blocks]) + "\n"


def _escape(text: str) -> str:
    return _MARKUP.sub(r"\\\1", text)
