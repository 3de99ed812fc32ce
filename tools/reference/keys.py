"""The keys of the settings: what conf/reference.toml says of each, and what its class says."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from datetime import timedelta
from math import inf
from pathlib import Path
from typing import Any, get_args, get_type_hints

from event_lake.config.allowed import BOUNDS, CHOICES
from event_lake.config.settings import Settings

REFERENCE = Path("conf/reference.toml")

_SECTION = re.compile(r"\[([\w.]+)\]")
# A key without a default is in a comment, with an example.
_KEY = re.compile(r'(?:# )?("[\w.]+"|\w+) = (.+)')
_KINDS: dict[Any, str] = {
    str: "a string",
    bool: "`true` or `false`",
    int: "a whole number",
    timedelta: 'a duration, like `"10 minutes"`',
    tuple[str, ...]: "a list of strings",
    str | tuple[str, ...]: "a string or a list of strings",
}


@dataclass(frozen=True)
class Key:
    """A key as the file has it: its value, as it's written, and the comment that explains it."""

    section: str
    name: str
    value: str
    comment: str


@dataclass(frozen=True)
class Reference:
    """What the file says at its head, before each section, and of each `section.key`."""

    head: str
    intros: Mapping[str, str]
    keys: Mapping[str, Key]


def read_reference() -> Reference:
    """Return what conf/reference.toml says."""
    head, _, rest = REFERENCE.read_text("utf-8").partition("\n\n")
    intros: dict[str, str] = {}
    keys: dict[str, Key] = {}
    section = ""
    for paragraph in rest.split("\n\n"):
        comment: list[str] = []
        for line in paragraph.splitlines():
            if found := _SECTION.fullmatch(line):
                section = found[1]
                intros[section], comment = " ".join(comment), []
            elif found := _KEY.fullmatch(line):
                keys[f"{section}.{found[1]}"] = Key(section, found[1], found[2], " ".join(comment))
            else:
                comment += _uncommented(line)
    return Reference(" ".join(_uncommented(head)), intros, keys)


def describe_value(key: Key) -> str:
    """Return what the key's value may be, in Markdown."""
    if known := CHOICES.get(key.section, {}).get(key.name):
        return "one of " + ", ".join(f'`"{one}"`' for one in known)
    hint = get_type_hints(_class_of(key))[key.name]
    kind = next(_KINDS[kind] for kind in (hint, *get_args(hint)) if kind in _KINDS)
    least, most = BOUNDS.get(key.section, {}).get(key.name, (None, inf))
    if least is None:
        return kind
    return f"{kind}, {least:,} to {most:,}" if most < inf else f"{kind}, {least:,} or more"


def describe_default(key: Key) -> str:
    """Return the key's default, or what it's like if it has none, in Markdown."""
    [field] = (field for field in fields(_class_of(key)) if field.name == key.name)
    if field.default is MISSING and field.default_factory is MISSING:
        return "required"
    return f"none; an example is `{key.value}`" if field.default is None else f"`{key.value}`"


def _class_of(key: Key) -> Any:
    cls: Any = Settings
    for name in key.section.split("."):
        cls = get_type_hints(cls)[name]
    return cls


def _uncommented(text: str) -> Iterator[str]:
    return (line.removeprefix("#").strip() for line in text.splitlines())
