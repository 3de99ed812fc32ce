"""Read a text as JSON: its form, how deep it nests, and the members of an object. Pure."""

from collections.abc import Collection, Iterable, Mapping
from enum import Enum
from itertools import groupby
from typing import NamedTuple

from event_lake.json_reader import JsonReader, NotJsonError, Path, Tree, decode_string

_KINDS = {b'"': "string", b"t": "boolean", b"f": "boolean", b"[": "array", b"{": "object"}


class Form(Enum):
    """The forms that a text can have."""

    OBJECT = "a JSON object"
    VALUE = "a JSON value that is no object"
    OBJECT_AND_MORE = "a JSON object with something after it"
    NOTHING = "none of these"


class Value(NamedTuple):
    """A value of the kind "string", "number", "boolean", "array" or "object". The first three have a text.

    In the text of a string, U+FFFD stands for bytes that aren't UTF-8, and NUL stands for half a surrogate pair, which
    UTF-8 can't encode.
    """

    kind: str
    text: str | None = None


class JsonText(NamedTuple):
    """A text's form, the levels that its value nests (0 for a scalar), and an object's members that aren't null.

    Each of the `members` has the path of keys that leads to it from the outermost object.
    """

    form: Form | None
    depth: int = 0
    members: Mapping[Path, Value] = {}


def read_json(data: bytes, paths: Collection[Path]) -> JsonText:
    """Return the form of `data`, and an object's members at `paths`, of which none leads to a part of another's value.

    Of a key that comes twice in an object, the last counts.
    """
    reader = JsonReader(data, _make_tree(paths))
    try:
        begin = reader.after_space(0)
        end = reader.end_of_value(begin)
    except NotJsonError:
        return JsonText(Form.NOTHING)
    is_object = data[begin : begin + 1] == b"{"
    if reader.after_space(end) < len(data):
        return JsonText(Form.OBJECT_AND_MORE if is_object else Form.NOTHING)
    members = {path: _value(token) for path, token in reader.tokens.items() if token != b"null"}
    return JsonText(Form.OBJECT if is_object else Form.VALUE, reader.depth, members)


def _make_tree(paths: Iterable[Path], at: int = 0) -> Tree:
    by_key = groupby(sorted(paths), lambda path: path[at])
    groups = ((key, list(group)) for key, group in by_key)
    return {key: group[0] if len(group[0]) == at + 1 else _make_tree(group, at + 1) for key, group in groups}


def _value(token: bytes) -> Value:
    kind = _KINDS.get(token[:1], "number")
    if kind == "string":
        return Value(kind, decode_string(token))
    return Value(kind, None if kind in ("array", "object") else token.decode())
