r"""JSON as RFC 8259 has it, read from any bytes: how deep a value nests, and what an object's members are.

Nothing here recurses. What is kept is a byte for each level that is open, and the members that were asked for: so no
text can end the process, or take more time than its length explains. Half a surrogate pair (`"\ud800"`) is JSON, and so
is a number of any length. Within strings, bytes that aren't UTF-8 are as good as others.
"""

import json
import re
from collections.abc import Collection, Mapping
from enum import Enum
from typing import NamedTuple

# What nests deeper isn't told from what isn't JSON: each level takes time.
DEEPEST = 1_000_000
# That of Jackson, by which Spark reads payloads. What has a longer key isn't taken for JSON.
_LONGEST_KEY = 50_000
NUMBER = r"-?+(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][-+]?+[0-9]++)?"

# A group is repeated so often at most: the matcher keeps something of each repetition.
_SOME = 200
_SPACE = rb"[ \t\r\n]*+"
_PLAIN = rb'[^"\\\x00-\x1f]'
_ESCAPES = rb'(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})%s*+){0,%d}' % (_PLAIN, _SOME)
_STRING = rb'"%s*+%s"' % (_PLAIN, _ESCAPES)
_KEY = rb'"%s{0,%d}+"' % (_PLAIN, _LONGEST_KEY)
_ATOM = rb"(?:%s|true|false|null)" % NUMBER.encode()
_SCALAR = rb"(?:%s|%s)" % (_STRING, _ATOM)
_COLON = rb"%s:%s" % (_SPACE, _SPACE)
_COMMA = rb"%s,%s" % (_SPACE, _SPACE)
_MEMBER = _KEY + _COLON
_SERIES = rb"(?:%s%s(?:%s%s%s){0,%d}%s)?"
_FLAT = rb"\[%s%s\]|\{%s%s\}" % (
    _SPACE,
    _SERIES % (b"", _SCALAR, _COMMA, b"", _SCALAR, _SOME, _SPACE),
    _SPACE,
    _SERIES % (_MEMBER, _SCALAR, _COMMA, _MEMBER, _SCALAR, _SOME, _SPACE),
)

_space = re.compile(_SPACE)
_atom = re.compile(_ATOM)
_colon = re.compile(_COLON)
_plain = re.compile(_PLAIN + rb"*+")
_escapes = re.compile(_ESCAPES)
_OBJECT, _ARRAY, _QUOTE, _COMMA_SIGN = b'{[",'
_CLOSING = {_OBJECT: ord("}"), _ARRAY: ord("]")}
# Scalars, and arrays and objects of scalars, with commas behind them, many at a stroke: a step for each would take ten
# times as long. The group tells that there was an array or object.
_runs = {
    _ARRAY: re.compile(rb"(?:(?:%s|(%s))%s){0,%d}" % (_SCALAR, _FLAT, _COMMA, _SOME)),
    _OBJECT: re.compile(rb"(?:%s(?:%s|(%s))%s){0,%d}" % (_MEMBER, _SCALAR, _FLAT, _COMMA, _SOME)),
}
_KINDS = {b'"': "string", b"t": "boolean", b"f": "boolean", b"[": "array", b"{": "object"}
_half_surrogates = re.compile("[\ud800-\udfff]")


class Form(Enum):
    """What a text is."""

    OBJECT = "a JSON object"
    VALUE = "a JSON value that is no object"
    OBJECT_AND_MORE = "a JSON object with something behind it"
    NOTHING = "none of these"


class Value(NamedTuple):
    """A value's kind ("string", "number", "boolean", "array", "object"), and the text of one of the first three.

    In a string, what isn't UTF-8 is U+FFFD, and half a surrogate pair, which can't be written as UTF-8, is NUL.
    """

    kind: str
    text: str | None = None


class JsonText(NamedTuple):
    """A text's form; how many levels its value nests, 0 for a scalar; and an object's members that aren't null."""

    form: Form | None
    depth: int = 0
    members: Mapping[str, Value] = {}


class _NotJsonError(Exception):
    pass


def read_json(data: bytes, names: Collection[str]) -> JsonText:
    """What `data` is, with those members of an object that `names` names; of a key that comes twice the last counts."""
    reader = _Reader(data, names)
    try:
        begin = _behind(_space, data, 0)
        end = reader.end_of_value(begin)
    except _NotJsonError:
        return JsonText(Form.NOTHING)
    is_object = data[begin] == _OBJECT
    if _behind(_space, data, end) < len(data):
        return JsonText(Form.OBJECT_AND_MORE if is_object else Form.NOTHING)
    members = {name: _value(token) for name, token in reader.tokens.items() if token != b"null"}
    return JsonText(Form.OBJECT if is_object else Form.VALUE, reader.depth, members)


def _value(token: bytes) -> Value:
    kind = _KINDS.get(token[:1], "number")
    if kind == "string":
        return Value(kind, _half_surrogates.sub("\0", json.loads(token.decode(errors="replace"))))
    return Value(kind, None if kind in ("array", "object") else token.decode())


def _behind(pattern: re.Pattern[bytes], data: bytes, at: int) -> int:
    found = pattern.match(data, at)
    if found is None:
        raise _NotJsonError
    return found.end()


class _Reader:
    """Reads a value, and says how deep it nests, and the tokens of its members: of an array or object the bracket."""

    def __init__(self, data: bytes, names: Collection[str]) -> None:
        self.depth = 0
        self.tokens: dict[str, bytes] = {}
        # So that there's always a byte to look at: this one is never JSON.
        self._data = data + b"\0"
        self._names = names

    def end_of_value(self, at: int) -> int:
        """Where the value ends that begins at `at`. Raises _NotJsonError if there's none."""
        data, opened = self._data, bytearray()
        while True:
            name = None
            if opened and opened != b"{" and (run := _runs[opened[-1]].match(data, at)):
                at = run.end()
                self.depth = max(self.depth, len(opened) + (run[1] is not None))
            if opened[-1:] == b"{":
                name, at = self._key(at, is_member=len(opened) == 1)
            begin = at
            if data[at] in _CLOSING:
                opened.append(data[at])
                self.depth = max(self.depth, len(opened))
                if self.depth > DEEPEST:
                    raise _NotJsonError
                at = _behind(_space, data, at + 1)
                is_whole = data[at] == _CLOSING[opened[-1]]
            else:
                at, is_whole = self._end_of_scalar(at), True
            if name is not None:
                self.tokens[name] = data[begin : begin + 1] if data[begin] in _CLOSING else data[begin:at]
            if is_whole:
                at = self._close(opened, at)
                if not opened:
                    return at
                at = _behind(_space, data, at + 1)

    def _close(self, opened: bytearray, at: int) -> int:
        """Behind a value: close what ends there; the place of the comma that follows, or the end."""
        while opened:
            at = _behind(_space, self._data, at)
            if self._data[at] == _COMMA_SIGN:
                return at
            if self._data[at] != _CLOSING[opened.pop()]:
                raise _NotJsonError
            at += 1
        return at

    def _key(self, at: int, *, is_member: bool) -> tuple[str | None, int]:
        """What a key says, if it's asked for, and where its value begins. Raises _NotJsonError if it's too long."""
        end = self._end_of_string(at)
        key, name = self._data[at:end], None
        if is_member or len(key) > _LONGEST_KEY:
            name = _value(key).text if b"\\" in key else key[1:-1].decode(errors="replace")
        if len(name or "") > _LONGEST_KEY:
            raise _NotJsonError
        return name if is_member and name in self._names else None, _behind(_colon, self._data, end)

    def _end_of_scalar(self, at: int) -> int:
        return self._end_of_string(at) if self._data[at] == _QUOTE else _behind(_atom, self._data, at)

    def _end_of_string(self, at: int) -> int:
        if self._data[at] != _QUOTE:
            raise _NotJsonError
        end = _behind(_plain, self._data, at + 1)
        while self._data[end] != _QUOTE:
            begin, end = end, _behind(_escapes, self._data, end)
            if begin == end:
                raise _NotJsonError
        return end + 1
