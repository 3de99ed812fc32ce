"""The places of values in a text, held against another reader."""

import json
from collections.abc import Sequence

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from event_lake.json_reader import NotJsonError, find_members, find_values

SNIPPETS = [
    *'{}[]",: \\t',
    "1",
    "-0.5e3",
    "null",
    '"a"',
    '"\\"',
    '"\\\\"',
    '"é":',
    '"a":',
    "{}",
    "[[]]",
    '{"a":[1,{}]}',
    ",",
    "x",
]
texts = st.lists(st.sampled_from(SNIPPETS), max_size=12).map("".join)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)
spaced = st.builds(json.dumps, values, ensure_ascii=st.booleans(), indent=st.sampled_from([None, 1]))
_DECODER = json.JSONDecoder(strict=True)


def values_in(text: str) -> Sequence[str]:
    found, at = [], 0
    while True:
        at = len(text) - len(text[at:].lstrip(" \t\r\n"))
        try:
            _, end = _DECODER.raw_decode(text, at)
        except ValueError:
            return found
        found.append(text[at:end])
        at = end


@settings(deadline=None, max_examples=500)
@given(st.one_of(texts, st.lists(spaced, max_size=3).map(" ".join), st.tuples(spaced, texts).map("".join)))
@example('{"a":1}{"b":2}x')
def test_values_lie_where_another_reader_sees_them(text: str) -> None:
    data = text.encode()
    assert [data[begin:end].decode() for begin, end in find_values(data)] == values_in(text)


@settings(deadline=None, max_examples=500)
@given(st.one_of(texts, spaced, st.tuples(spaced, texts).map("".join)))
@example("[]")
@example(' {"a" : [1, {}] , "a":"b" } ')
def test_members_are_those_that_another_reader_sees(text: str) -> None:
    data = text.encode()
    try:
        expected = json.loads(text)
    except ValueError:
        expected = None
    if not isinstance(expected, dict | list):
        with pytest.raises(NotJsonError):
            list(find_members(data))
        return
    found = [(key, json.loads(data[begin:end])) for key, begin, end in find_members(data)]
    # Of a key that comes twice, the last counts.
    assert (dict(found) if isinstance(expected, dict) else [member for _, member in found]) == expected


@pytest.mark.parametrize(
    "data", [b"", b" ", b"[", b"{", b'{"a"', b'{"a":', b'{"a":1,', b"[1,", b"[1", b"\xff", b"[1]x", b"{1:2}"]
)
def test_what_is_cut_off_is_no_array_or_object(data: bytes) -> None:
    with pytest.raises(NotJsonError):
        list(find_members(data))
