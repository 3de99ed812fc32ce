r"""Read JSON as RFC 8259 defines it from any bytes: where a value ends, how deep it nests, and some of its members.

Nothing here recurses. The reader keeps one byte for each open level, and the members that it is asked for. So no text
can end the process, or take more time than its length explains. Half a surrogate pair (`"\ud800"`) is JSON, and so is a
number of any length. Strings may have bytes that aren't UTF-8.
"""

import json
import re
from collections.abc import Iterator

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
_half_surrogates = re.compile("[\ud800-\udfff]")

Path = tuple[str, ...]
# The paths to look for by their first key: a path that ends there, or in the same way what may follow.
Tree = dict[str, "Path | Tree"]


class NotJsonError(Exception):
    """Where JSON must be there is something else."""


def decode_string(token: bytes) -> str:
    """Return the text of a JSON string: U+FFFD for bytes that aren't UTF-8, NUL for half a surrogate pair.

    Raise NotJsonError for another value.
    """
    if not token.startswith(b'"'):
        raise NotJsonError
    return _half_surrogates.sub("\0", json.loads(token.decode(errors="replace")))


def _after(pattern: re.Pattern[bytes], data: bytes, at: int) -> int:
    """Return the place after the pattern's match at `at`. Raises NotJsonError if it doesn't match there."""
    match = pattern.match(data, at)
    if match is None:
        raise NotJsonError
    return match.end()


def find_values(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield begin and end of each JSON value in `data`, until something else follows after whitespace."""
    reader = JsonReader(data)
    at = reader.after_space(0)
    while at < len(data):
        try:
            end = reader.end_of_value(at)
        except NotJsonError:
            return
        yield at, end
        at = reader.after_space(end)


def find_members(data: bytes) -> Iterator[tuple[str, int, int]]:
    """Yield key, begin and end of each member of the JSON object or array `data`; in an array all keys are "".

    Raise NotJsonError where `data` turns out to be neither.
    """
    reader = JsonReader(data)
    begin = reader.after_space(0)
    if data[begin : begin + 1] not in (b"{", b"["):
        raise NotJsonError
    closing = _CLOSING[data[begin]].to_bytes()
    at = reader.after_space(begin + 1)
    is_last = data[at : at + 1] == closing
    while not is_last:
        key = ""
        if closing == b"}":
            end = reader.end_of_value(at)
            key = decode_string(data[at:end])
            at = _after(_colon, data, end)
        end = reader.end_of_value(at)
        yield key, at, end
        at = reader.after_space(end)
        is_last = data[at : at + 1] == closing
        if not is_last:
            if data[at : at + 1] != b",":
                raise NotJsonError
            at = reader.after_space(at + 1)
    if reader.after_space(at + 1) < len(data):
        raise NotJsonError


def _is_in(tree: Tree, path: Path) -> bool:
    return any(below == path if isinstance(below, tuple) else _is_in(below, path) for below in tree.values())


class JsonReader:
    """A reader of one value. `depth` is the levels that the value nests, as far as it is read.

    `tokens` has the bytes of each member in the tree `wanted`; of an array or object only the opening bracket.
    """

    def __init__(self, data: bytes, wanted: Tree | None = None) -> None:
        self.depth = 0
        self.tokens: dict[Path, bytes] = {}
        # This byte, which is never JSON, ends the data, so that there is always a byte to look at.
        self._data = data + b"\0"
        self._wanted = wanted or {}

    def end_of_value(self, at: int) -> int:
        """Return the place after the value that begins at `at`. Raises NotJsonError if no value does."""
        data, opened = self._data, bytearray()
        # What is wanted of the outermost objects that are open; of those within them nothing is.
        trees: list[Tree] = []
        child: Path | Tree | None = self._wanted
        while True:
            is_wanted = len(trees) == len(opened) > 0
            if opened and not is_wanted and (run := _runs[opened[-1]].match(data, at)):
                at = run.end()
                self.depth = max(self.depth, len(opened) + (run[1] is not None))
            if opened[-1:] == b"{":
                child, at = self._key(at, trees[-1] if is_wanted else {})
            begin = at
            if data[at] in _CLOSING:
                if data[at] == _OBJECT and isinstance(child, dict) and child and len(trees) == len(opened):
                    trees.append(child)
                opened.append(data[at])
                self.depth = max(self.depth, len(opened))
                if self.depth > DEEPEST:
                    raise NotJsonError
                at = self.after_space(at + 1)
                is_whole = data[at] == _CLOSING[opened[-1]]
            else:
                at, is_whole = self._end_of_scalar(at), True
            if isinstance(child, tuple):
                self.tokens[child] = data[begin : begin + 1] if data[begin] in _CLOSING else data[begin:at]
            child = None
            if is_whole:
                at = self._close(opened, at)
                if not opened:
                    return at
                del trees[len(opened) :]
                at = self.after_space(at + 1)

    def _close(self, opened: bytearray, at: int) -> int:
        """Close the arrays and objects that end at `at`, after a value. Return the next comma's place, or the end."""
        while opened:
            at = self.after_space(at)
            if self._data[at] == _COMMA_SIGN:
                return at
            if self._data[at] != _CLOSING[opened.pop()]:
                raise NotJsonError
            at += 1
        return at

    def after_space(self, at: int) -> int:
        """Return the place after the whitespace at `at`."""
        return _after(_space, self._data, at)

    def _key(self, at: int, wanted: Tree) -> tuple["Path | Tree | None", int]:
        """Return what is `wanted` of the key at `at`, and the place where its value begins.

        Raises NotJsonError if the key is too long.
        """
        end = self._end_of_string(at)
        key, name = self._data[at:end], ""
        if wanted or len(key) > _LONGEST_KEY:
            name = decode_string(key) if b"\\" in key else key[1:-1].decode(errors="replace")
        if len(name) > _LONGEST_KEY:
            raise NotJsonError
        child = wanted.get(name)
        if isinstance(child, dict):
            # The object takes the place of an earlier one with the same key.
            self.tokens = {path: token for path, token in self.tokens.items() if not _is_in(child, path)}
        return child, _after(_colon, self._data, end)

    def _end_of_scalar(self, at: int) -> int:
        return self._end_of_string(at) if self._data[at] == _QUOTE else _after(_atom, self._data, at)

    def _end_of_string(self, at: int) -> int:
        if self._data[at] != _QUOTE:
            raise NotJsonError
        end = _after(_plain, self._data, at + 1)
        while self._data[end] != _QUOTE:
            begin, end = end, _after(_escapes, self._data, end)
            if begin == end:
                raise NotJsonError
        return end + 1
