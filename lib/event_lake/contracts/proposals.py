"""What was seen in a type's events, as a proposal of its contract. Pure."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from event_lake.contracts.contract import COMMON, Column

# So many events without an exception: with 95 % certainty fewer than one in 1,000 is one ("rule of three").
ENOUGH_TO_REQUIRE = 3_000
# So many values of one form: with fewer, a string is proposed, which takes any.
ENOUGH_FOR_A_TYPE = 50
# An object with more keys than this is taken for a map, whose keys are data.
MOST_MEMBERS = 20
MOST_COLUMNS = 200

# An event's own three, which are columns of every typed table.
_KNOWN = {"event_uuid", "event_name", "created_at"}
_TYPES = {
    frozenset({"string"}): "string",
    frozenset({"boolean"}): "boolean",
    frozenset({"bigint"}): "bigint",
    frozenset({"number"}): "double",
    frozenset({"bigint", "number"}): "double",
    frozenset({"array<string>"}): "array<string>",
    frozenset({"array<boolean>"}): "array<boolean>",
    frozenset({"array<bigint>"}): "array<bigint>",
    frozenset({"array<number>"}): "array<double>",
    frozenset({"array<bigint>", "array<number>"}): "array<double>",
}
# Arrays without a member that isn't null: they say nothing about the others.
_NO_MEMBERS = "array<null>"
_NULL = "null"
_PERSONAL = re.compile(
    r"(?:^|_)(?:(?:user|customer|person|member|student|teacher|author|owner|account)(?:_?id)?|e?_?mail|phone|mobile|ip"
    r"|(?:\w+_)?name|address|street|zip|postcode|birth\w*|dob|ssn|iban|passport|lat|lon|lng|latitude|longitude|gender)"
    r"(?:_|$)"
)


@dataclass(frozen=True, kw_only=True)
class FieldSeen:
    """`count` values of one `kind` at `path`; `examples` are masked.

    Kinds: null, string, boolean, bigint (a whole number that is one), number (others), object, and array<…> of these.
    """

    path: tuple[str, ...]
    kind: str
    count: int
    examples: tuple[str, ...] = ()


def format_proposal(event_type: str, events: int, seen: Iterable[FieldSeen], window: str) -> str:
    """The text of a contract file for a type of which so many `events` were looked at, in the `window` named.

    The same for the same arguments in any order. Columns by name: an object's members are columns of their own, one
    level deep; a type is one that took all values, or string; required is what was always there.
    """
    kinds: dict[tuple[str, ...], list[FieldSeen]] = {}
    for one in sorted(seen, key=lambda one: (one.path, one.kind)):
        kinds.setdefault(one.path, []).append(one)
    chosen = list(_chosen(kinds))
    most = sorted(chosen, key=lambda path: (-_count(kinds[path]), path))[:MOST_COLUMNS]
    named = sorted((name, path) for path, name in _named(sorted(most)).items())
    head = [
        f"# Proposed from {events:,} events {window}: read it over before you use it.",
        f"event_type = {_quoted(event_type)}",
        'description = ""',
    ]
    if len(most) < len(chosen):
        head.insert(1, f"# Its {len(chosen) - len(most)} rarest fields are left out.")
    parts = [_column_text(name, path, kinds[path], events) for name, path in named]
    return "\n".join([*head, *(line for part in parts for line in ("", *part))]) + "\n"


def looks_personal(path: Sequence[str]) -> bool:
    """Whether the names of a field are such as personal data have."""
    snake = "_".join(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key) for key in path).lower()
    return _PERSONAL.search(re.sub(r"\W", "_", snake)) is not None


def type_of(seen: Sequence[FieldSeen]) -> str:
    """The type that took all of the values, if they are enough; else string."""
    telling = [one for one in seen if one.kind not in (_NULL, _NO_MEMBERS)]
    found = _TYPES.get(frozenset(one.kind for one in telling), "string")
    is_sure = _count(telling) >= ENOUGH_FOR_A_TYPE
    # An empty array is none of a number's values.
    is_array = found.startswith("array<") or all(one.kind != _NO_MEMBERS for one in seen)
    return found if is_sure and is_array else "string"


def _chosen(kinds: Mapping[tuple[str, ...], Sequence[FieldSeen]]) -> Iterator[tuple[str, ...]]:
    """The paths that become columns."""
    for path, seen in kinds.items():
        if len(path) > 1 or path[0] in _KNOWN or not path[0]:
            continue
        members = [other for other in kinds if len(other) > 1 and other[0] == path[0] and other[1]]
        objects = [one for one in seen if one.kind == "object"]
        is_all = all(one.kind in (_NULL, "object") for one in seen) and _count(objects) >= ENOUGH_FOR_A_TYPE
        if is_all and 1 <= len(members) <= MOST_MEMBERS:
            yield from members
        else:
            yield path


def _named(paths: Sequence[tuple[str, ...]]) -> dict[tuple[str, ...], str]:
    """A column name for each path, as like it as may be."""
    names: dict[tuple[str, ...], str] = {}
    taken = set(COMMON)
    for path in paths:
        plain = re.sub(r"[^A-Za-z0-9_]", "_", "_".join(path))[:100]
        name = f"payload_{plain}" if not plain.strip("_") or plain[0].isdigit() or plain.lower() in taken else plain
        number = 2
        while name.lower() in taken:
            name, number = f"payload_{plain}_{number}", number + 1
        taken.add(name.lower())
        names[path] = name
    return names


def _column_text(name: str, path: tuple[str, ...], seen: Sequence[FieldSeen], events: int) -> list[str]:
    there = [one for one in seen if one.kind != _NULL]
    count = _count(there)
    column = Column(name=name, type=type_of(seen), path=path)
    # Keys that come twice in a payload count twice.
    said = f"# {'never' if count == events else f'{max(0, 1 - count / events):.2%}'} null or missing"
    forms = ", ".join(one.kind for one in there)
    examples = sorted({example for one in there for example in one.examples})[:3]
    lines = [
        f"[columns.{name}]",
        f"{said}; {forms or 'no value'}{'; like ' + ' | '.join(examples) if examples else ''}",
        f"type = {_quoted(column.type)}",
    ]
    if path != (name,):
        keys = ", ".join(map(_quoted, path))
        lines.append(f"path = [{keys}]" if any("." in key for key in path) else f"path = {_quoted('.'.join(path))}")
    if count == events and events >= ENOUGH_TO_REQUIRE:
        lines.append("required = true")
    if looks_personal(path):
        lines.append("pii = true")
    return lines


def _count(seen: Iterable[FieldSeen]) -> int:
    return sum(one.count for one in seen)


def _quoted(text: str) -> str:
    # JSON's strings are TOML's, but for one character.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
