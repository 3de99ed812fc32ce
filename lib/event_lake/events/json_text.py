r"""Read JSON as RFC 8259 defines it from any bytes: how deep a value nests, and the members of an object.

Nothing here recurses. The reader keeps one byte for each open level, and the members that it is asked for. So no text
can end the process, or take more time than its length explains. Half a surrogate pair (`"\ud800"`) is JSON, and so is a
number of any length. Strings may have bytes that aren't UTF-8.
"""

import json
import re
from collections.abc import Collection, Mapping
from enum import Enum
from typing import NamedTuple

# A value that nests deeper counts as no JSON, as each level takes time.
DEEPEST = 1_000_000
# Jackson, with which Spark reads payloads, refuses keys of more characters. A text that has one counts as no JSON.
_LONGEST_KEY = 50_000
NUMBER = r"-?+(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][-+]?+[0-9]++)?"

# A group is repeated so often at most, as the matcher needs memory for each repetition.
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
# One match reads many scalars, and arrays and objects of scalars, with the commas after them: to read them one by one
# would take ten times as long. The group is set if one of them was an array or object.
_runs = {
    _ARRAY: re.compile(rb"(?:(?:%s|(%s))%s){0,%d}" % (_SCALAR, _FLAT, _COMMA, _SOME)),
    _OBJECT: re.compile(rb"(?:%s(?:%s|(%s))%s){0,%d}" % (_MEMBER, _SCALAR, _FLAT, _COMMA, _SOME)),
}
_KINDS = {b'"': "string", b"t": "boolean", b"f": "boolean", b"[": "array", b"{": "object"}
_half_surrogates = re.compile("[\ud800-\udfff]")


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
    """A text's form, the levels that its value nests (0 for a scalar), and an object's members that aren't null."""

    form: Form | None
    depth: int = 0
    members: Mapping[str, Value] = {}


class _NotJsonError(Exception):
    pass


def read_json(data: bytes, names: Collection[str]) -> JsonText:
    """Return the form of `data`, and an object's members among `names`. Of a key that comes twice, the last counts."""
    reader = _Reader(data, names)
    try:
        begin = _after(_space, data, 0)
        end = reader.end_of_value(begin)
    except _NotJsonError:
        return JsonText(Form.NOTHING)
    is_object = data[begin] == _OBJECT
    if _after(_space, data, end) < len(data):
        return JsonText(Form.OBJECT_AND_MORE if is_object else Form.NOTHING)
    members = {name: _value(token) for name, token in reader.tokens.items() if token != b"null"}
    return JsonText(Form.OBJECT if is_object else Form.VALUE, reader.depth, members)


def _value(token: bytes) -> Value:
    kind = _KINDS.get(token[:1], "number")
    if kind == "string":
        return Value(kind, _half_surrogates.sub("\0", json.loads(token.decode(errors="replace"))))
    return Value(kind, None if kind in ("array", "object") else token.decode())


def _after(pattern: re.Pattern[bytes], data: bytes, at: int) -> int:
    """Return the place after the pattern's match at `at`. Raises _NotJsonError if it doesn't match there."""
    match = pattern.match(data, at)
    if match is None:
        raise _NotJsonError
    return match.end()


class _Reader:
    """A reader of one value. `depth` is the levels that the value nests, as far as it is read.

    `tokens` has the bytes of each member that was asked for; of an array or object only the opening bracket.
    """

    def __init__(self, data: bytes, names: Collection[str]) -> None:
        self.depth = 0
        self.tokens: dict[str, bytes] = {}
        # This byte, which is never JSON, ends the data, so that there is always a byte to look at.
        self._data = data + b"\0"
        self._names = names

    def end_of_value(self, at: int) -> int:
        """Return the place after the value that begins at `at`. Raises _NotJsonError if no value does."""
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
                at = _after(_space, data, at + 1)
                is_whole = data[at] == _CLOSING[opened[-1]]
            else:
                at, is_whole = self._end_of_scalar(at), True
            if name is not None:
                self.tokens[name] = data[begin : begin + 1] if data[begin] in _CLOSING else data[begin:at]
            if is_whole:
                at = self._close(opened, at)
                if not opened:
                    return at
                at = _after(_space, data, at + 1)

    def _close(self, opened: bytearray, at: int) -> int:
        """Close the arrays and objects that end at `at`, after a value. Return the next comma's place, or the end."""
        while opened:
            at = _after(_space, self._data, at)
            if self._data[at] == _COMMA_SIGN:
                return at
            if self._data[at] != _CLOSING[opened.pop()]:
                raise _NotJsonError
            at += 1
        return at

    def _key(self, at: int, *, is_member: bool) -> tuple[str | None, int]:
        """Return the key at `at` (None if it isn't asked for), and the place where its value begins.

        Raises _NotJsonError if the key is too long.
        """
        end = self._end_of_string(at)
        key, name = self._data[at:end], None
        if is_member or len(key) > _LONGEST_KEY:
            name = _value(key).text if b"\\" in key else key[1:-1].decode(errors="replace")
        if len(name or "") > _LONGEST_KEY:
            raise _NotJsonError
        return name if is_member and name in self._names else None, _after(_colon, self._data, end)

    def _end_of_scalar(self, at: int) -> int:
        return self._end_of_string(at) if self._data[at] == _QUOTE else _after(_atom, self._data, at)

    def _end_of_string(self, at: int) -> int:
        if self._data[at] != _QUOTE:
            raise _NotJsonError
        end = _after(_plain, self._data, at + 1)
        while self._data[end] != _QUOTE:
            begin, end = end, _after(_escapes, self._data, end)
            if begin == end:
                raise _NotJsonError
        return end + 1
