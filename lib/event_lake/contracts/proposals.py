"""Propose the contract of an event type from the fields that were seen in its events. Pure."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from event_lake.contracts.contract import COMMON, Column
from event_lake.contracts.fields_seen import LARGE, NO_MEMBERS, NULL, NUMBER, OBJECT, WHOLE
from event_lake.lake.untrusted import make_printable, mask

# A field is required if none of so many events lacks it. By the rule of three, with 95 % certainty fewer than one in
# 1,000 events lacks it then.
ENOUGH_TO_REQUIRE = 3_000
# With fewer values than this a column is proposed as a string, which takes any value.
ENOUGH_FOR_A_TYPE = 50
# An object with more keys than this is taken for a map, whose keys are data.
MOST_MEMBERS = 20
MOST_COLUMNS = 200

# Every typed table has these three fields as columns anyway.
_KNOWN = {"event_uuid", "event_name", "created_at"}
# The type to propose, by the kinds of the values that were seen; for any other set of kinds it's a string.
_TYPES = {
    frozenset({"string"}): "string",
    frozenset({"boolean"}): "boolean",
    frozenset({WHOLE}): "bigint",
    frozenset({LARGE}): "bigint",
    frozenset({WHOLE, LARGE}): "bigint",
    frozenset({NUMBER}): "double",
    frozenset({WHOLE, NUMBER}): "double",
}
_TYPES |= {frozenset(f"array<{kind}>" for kind in kinds): f"array<{name}>" for kinds, name in _TYPES.items()}
_PERSONAL = re.compile(
    r"(?:^|_)(?:(?:user|customer|person|member|student|teacher|author|owner|account)(?:_?id)?|e?_?mail|phone|mobile|ip"
    r"|(?:\w+_)?name|address|street|zip|postcode|birth\w*|dob|ssn|iban|passport|lat|lon|lng|latitude|longitude|gender)"
    r"(?:_|$)"
)


@dataclass(frozen=True, kw_only=True)
class FieldSeen:
    """The `count` values of one `kind` (`fields_seen`) at a path of a type's payloads, and some texts of them."""

    path: tuple[str, ...]
    kind: str
    count: int
    examples: tuple[str, ...] = ()


def format_proposal(event_type: str, events: int, fields: Iterable[FieldSeen], window: str) -> str | None:
    """Return the text of a contract file for a type. `events` of it were looked at, in a `window` that is described.

    Return None if they have no fields but those that every event has: a contract needs a column.

    The text doesn't depend on the order of `fields`. Columns are in the order of their names. The fields of an object
    become columns of their own, one level deep. A column's type is the narrowest that took all values; a column is
    required if the field was always there.
    """
    by_path: dict[tuple[str, ...], list[FieldSeen]] = {}
    for one in sorted(fields, key=lambda one: (one.path, one.kind)):
        by_path.setdefault(one.path, []).append(one)
    paths = list(_column_paths(by_path))
    if not paths:
        return None
    most = sorted(paths, key=lambda path: (-_count(by_path[path]), path))[:MOST_COLUMNS]
    columns = sorted((name, path) for path, name in _column_names(sorted(most)).items())
    head = [
        f"# Proposed from {events:,} events {window}: read it over before you use it.",
        f"event_type = {_quoted(event_type)}",
        'description = ""',
    ]
    if len(most) < len(paths):
        head.insert(1, f"# Its {len(paths) - len(most)} rarest fields are left out.")
    parts = [_column_text(name, path, by_path[path], events) for name, path in columns]
    return "\n".join([*head, *(line for part in parts for line in ("", *part))]) + "\n"


def looks_personal(path: Sequence[str]) -> bool:
    """True if the keys of a path are such as personal data often have."""
    snake = "_".join(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key) for key in path).lower()
    return _PERSONAL.search(re.sub(r"\W", "_", snake)) is not None


def type_of(field: Sequence[FieldSeen]) -> str:
    """Return the narrowest type that took all values of a field, or "string" if they are too few to tell."""
    with_kind = [one for one in field if one.kind not in (NULL, NO_MEMBERS)]
    narrowest = _TYPES.get(frozenset(one.kind for one in with_kind), "string")
    is_sure = _count(with_kind) >= ENOUGH_FOR_A_TYPE
    # A column of another type than an array couldn't take the empty arrays.
    takes_arrays = narrowest.startswith("array<") or all(one.kind != NO_MEMBERS for one in field)
    return narrowest if is_sure and takes_arrays else "string"


def _column_paths(by_path: Mapping[tuple[str, ...], Sequence[FieldSeen]]) -> Iterator[tuple[str, ...]]:
    """Yield the paths that become columns."""
    for path, field in by_path.items():
        if len(path) > 1 or path[0] in _KNOWN or not path[0]:
            continue
        members = [other for other in by_path if len(other) > 1 and other[0] == path[0] and other[1]]
        objects = [one for one in field if one.kind == OBJECT]
        is_object = all(one.kind in (NULL, OBJECT) for one in field) and _count(objects) >= ENOUGH_FOR_A_TYPE
        if is_object and 1 <= len(members) <= MOST_MEMBERS:
            yield from members
        else:
            yield path


def _column_names(paths: Sequence[tuple[str, ...]]) -> dict[tuple[str, ...], str]:
    """Return a column name for each path, which differs from the path only where it must."""
    names: dict[tuple[str, ...], str] = {}
    used = set(COMMON)
    for path in paths:
        plain = re.sub(r"[^A-Za-z0-9_]", "_", "_".join(path))[:100]
        name = f"payload_{plain}" if not plain.strip("_") or plain[0].isdigit() or plain.lower() in used else plain
        number = 2
        while name.lower() in used:
            name, number = f"payload_{plain}_{number}", number + 1
        used.add(name.lower())
        names[path] = name
    return names


def _column_text(name: str, path: tuple[str, ...], field: Sequence[FieldSeen], events: int) -> list[str]:
    values = [one for one in field if one.kind != NULL]
    count = _count(values)
    column = Column(name=name, type=type_of(field), path=path)
    # The count may exceed the events: a key that a payload has twice counts twice.
    nulls = f"# {'never' if count == events else f'{max(0, 1 - count / events):.2%}'} null or missing"
    kinds = ", ".join(one.kind for one in values)
    examples = sorted({_mask(example) for one in values for example in one.examples})[:3]
    lines = [
        f"[columns.{name}]",
        f"{nulls}; {kinds or 'no value'}{'; like ' + ' | '.join(examples) if examples else ''}",
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


def _mask(example: str) -> str:
    return make_printable(mask(example))


def _count(field: Iterable[FieldSeen]) -> int:
    return sum(one.count for one in field)


def _quoted(text: str) -> str:
    # TOML takes JSON's strings, but for one character.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
