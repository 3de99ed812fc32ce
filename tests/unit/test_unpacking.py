"""What a record is packed with, and that nothing is lost, invented or moved where it's unpacked."""

import gzip
import json
import tracemalloc
import zlib
from collections.abc import Sequence
from dataclasses import replace
from hashlib import md5
from itertools import groupby

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from event_lake.config.settings import Raw
from event_lake.kinesis.reading.aggregation import MAGIC
from event_lake.kinesis.reading.splitting import find_array, find_lines, find_log_events, find_objects
from event_lake.kinesis.reading.unpacking import GZIP, Part, gunzip, split_record
from support.answering_shards import Answers
from support.kpl import aggregated

AUTO = Raw(compression="auto")
LINES = Raw(payload_split="lines")
BOTH = Raw(compression="auto", payload_split="lines")
SETTINGS = [Raw(), AUTO, LINES, BOTH]
OBJECTS = Raw(payload_split="objects", compression="auto")
OTHERS = [Raw(payload_split=split) for split in ("objects", "array", "cloudwatch_logs")]
MIB = 1 << 20
# What a content may have at most for its lines to be taken, where `max_payload_bytes` is less.
SPLIT = 64 * MIB


def packed(*members: bytes) -> bytes:
    return b"".join(gzip.compress(member, mtime=0) for member in members)


def zeros(count: int) -> bytes:
    return packed(bytes(MIB)) * (count // MIB) + packed(bytes(count % MIB))


def whole(data: bytes, content: bytes | None = None) -> Part:
    return Part("k", data, content)


def too_many(record: bytes) -> Part:
    return Part("k", record, None, too_many_events=True)


def parts(record: bytes, raw: Raw) -> list[Part]:
    return list(split_record("k", record, raw))


@settings(deadline=None)
@given(st.lists(st.binary(max_size=100), min_size=1, max_size=4), st.integers(1, 500))
@example([b""], 1)
@example([b"x" * 40_000, b"y" * 40_000], 60_000)
def test_gzip_holds_its_members_one_after_the_other_up_to_what_is_asked_for(members: list[bytes], most: int) -> None:
    assert gunzip(packed(*members), most) == b"".join(members)[:most]


@settings(deadline=None)
@given(st.lists(st.binary(max_size=100), min_size=1, max_size=3), st.data())
def test_gzip_that_is_cut_off_is_none_unless_a_member_ends_there(members: list[bytes], data: st.DataObject) -> None:
    ends = {len(packed(*members[:count])): b"".join(members[:count]) for count in range(1, len(members))}
    cut = data.draw(st.integers(0, len(packed(*members)) - 1))
    assert gunzip(packed(*members)[:cut], 10_000) == ends.get(cut)


@pytest.mark.parametrize("garbage", [b"\0", b"\n", b"x" * 40_000, GZIP, packed(b"y")[:-1], packed(b"y")[1:]])
def test_what_has_garbage_after_its_end_is_no_gzip(garbage: bytes) -> None:
    assert gunzip(packed(b"x") + garbage, 10_000) is None


@settings(deadline=None)
@given(st.binary(max_size=100), st.data())
def test_gzip_with_a_changed_byte_is_never_read_as_something_else(content: bytes, data: st.DataObject) -> None:
    damaged = bytearray(packed(content))
    at = data.draw(st.integers(0, len(damaged) - 1))
    damaged[at] ^= data.draw(st.integers(1, 255))
    # The header's time and the last bits before the checksum say nothing about the content.
    assert gunzip(bytes(damaged), 10_000) in ([None, content] if at < len(damaged) - 8 else [None])


@settings(deadline=None)
@given(st.binary(max_size=200))
@example(zlib.compress(b"{}"))
def test_any_bytes_are_no_gzip(data: bytes) -> None:
    assert gunzip(GZIP + data, 10_000) is None
    assert gunzip(b"x" + data, 10_000) is None


@pytest.mark.parametrize("most", [1, 100_001])
def test_a_bomb_takes_no_more_memory_than_asked_for(most: int) -> None:
    made = zlib.compressobj(wbits=31)
    bomb = made.compress(bytes(64 * MIB)) + made.flush()
    tracemalloc.start()
    try:
        assert gunzip(bomb, most) == bytes(most)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3 * most + 200_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"", []),
        (b"a\nb", [b"a", b"b"]),
        (b"a\r\nb\r\n", [b"a", b"b"]),
        (b"\n\n a \n\t\r\n \r\r\nb", [b" a ", b"b"]),
        (b"a\r", [b"a\r"]),
        (b"a\r\r\nb\rc", [b"a\r", b"b\rc"]),
        (b"\x0b\n\x00\n\xc2\x85\n\xe2\x80\xa8", [b"\x0b", b"\x00", b"\xc2\x85", b"\xe2\x80\xa8"]),
        (b" \t\r\n\n", []),
    ],
)
def test_a_line_ends_at_a_line_feed_and_is_one_if_it_holds_more_than_jsons_whitespace(
    text: bytes, expected: Sequence[bytes]
) -> None:
    assert list(find_lines(text, len(text))) == expected


@settings(deadline=None)
@given(st.text("ab \t\r\n\v").map(str.encode))
def test_lines_lack_nothing_but_line_breaks_and_empty_lines(text: bytes) -> None:
    *ended, rest = text.split(b"\n")
    all_lines = [*(line.removesuffix(b"\r") for line in ended), rest]
    assert list(find_lines(text, len(text))) == [line for line in all_lines if line.strip(b" \t\r")]


A_MILLION = 1_000_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"", []),
        (b'{"a":1}', []),
        (b'{"a":1} x', []),
        (b'{"a":1}{"b":', [b'{"a":1}', b'{"b":']),
        (b'{"a":{"b"', []),
        (b'{"a":1}{"b":[{}]}', [b'{"a":1}', b'{"b":[{}]}']),
        (b' {"a":"}{"}\r\n\t{ }\n', [b'{"a":"}{"}', b"{ }"]),
        (b'{"a":1}{"b":2}{"c"', [b'{"a":1}', b'{"b":2}', b'{"c"']),
        (b"{}{} 5 {}", [b"{}", b"{}", b"5 {}"]),
        (b"{},{}", []),
        (b"[]{}{}", []),
        (b"{}\xff{}", []),
        (b'{"\xff":1}{}', [b'{"\xff":1}', b"{}"]),
    ],
)
def test_objects_stand_one_after_the_other(text: bytes, expected: Sequence[bytes]) -> None:
    assert find_objects(text, A_MILLION) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"", []),
        (b"[]", []),
        (b"[ ]", []),
        (b'[{"a":1}]', [b'{"a":1}']),
        (b' [ {"a":[1,{}]} , 5,"x" ,null]\n', [b'{"a":[1,{}]}', b"5", b'"x"', b"null"]),
        (b'{"a":[1]}', []),
        (b"[{}", []),
        (b"[{},]", []),
        (b"[{} {}]", []),
        (b"[{}]x", []),
        (b"[,]", []),
    ],
)
def test_an_array_is_split_if_it_is_one_to_its_last_byte(text: bytes, expected: Sequence[bytes]) -> None:
    assert find_array(text, A_MILLION) == expected


def log_events(*messages: object) -> bytes:
    events = [{"id": "1", "timestamp": 1, "message": message} for message in messages]
    return json.dumps({"messageType": "DATA_MESSAGE", "logGroup": "g", "logEvents": events}).encode()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (log_events('{"a":"é"}', "no JSON\n"), ['{"a":"é"}'.encode(), b"no JSON\n"]),
        (b'{"logEvents":[{"message":"cut \\ud83d"}]}', ["cut \ud83d".encode(errors="surrogatepass")]),
        (b'{"logEvents":[{"message":"\xff"}]}', []),
        (b'{"logEvents":[{"message":"old","message":"new"}],"logEvents":[{"message":"b"}]}', [b"b"]),
        (log_events(), []),
        (log_events("a", 5), []),
        (log_events("a", None), []),
        (b'{"logEvents":{"message":"a"}}', []),
        (b'{"logEvents":[{"text":"a"}]}', []),
        (b'{"logEvents":[{"message":"a"}]', []),
        (b'[{"logEvents":[{"message":"a"}]}]', []),
        (b'{"a":1}', []),
    ],
)
def test_the_messages_of_log_events_are_the_events(text: bytes, expected: Sequence[bytes]) -> None:
    assert find_log_events(text, A_MILLION) == expected


@pytest.mark.parametrize(
    ("split", "text", "expected"),
    [
        ("objects", b"{} {}", [b"{}", b"{}"]),
        ("array", b"[{},{}]", [b"{}", b"{}"]),
        ("cloudwatch_logs", log_events("{}", "x"), [b"{}", b"x"]),
    ],
)
def test_a_text_is_split_packed_or_not_and_in_an_aggregate(split: str, text: bytes, expected: list[bytes]) -> None:
    raw = Raw(payload_split=split, compression="auto")
    split_up = [whole(event) for event in expected]
    assert parts(text, raw) == parts(packed(text), raw) == split_up
    twice = aggregated(("k", text, None), ("k", packed(text), None))
    assert parts(twice, raw) == split_up * 2
    # CloudWatch Logs packs all that it sends.
    is_unpacked = split == "cloudwatch_logs"
    assert parts(packed(text), Raw(payload_split=split)) == (split_up if is_unpacked else [whole(packed(text))])


@pytest.mark.parametrize("packing", ["plain", "gzip", "aggregate"])
@pytest.mark.parametrize(
    ("split", "text"),
    [
        ("lines", b"1\n\n2\n3"),
        ("objects", b"{}{}{}"),
        ("array", b"[1,2,3]"),
        ("cloudwatch_logs", log_events("1", "2", "3")),
    ],
)
def test_a_record_with_too_many_events_is_one_part(split: str, text: bytes, packing: str) -> None:
    aggregate = aggregated(("a", text, None), ("b", b"x", None))
    record = {"plain": text, "gzip": packed(text), "aggregate": aggregate}[packing]
    count = 4 if packing == "aggregate" else 3
    raw = Raw(payload_split=split, compression="auto", max_events_per_record=count)
    assert len(parts(record, raw)) == count
    assert parts(record, replace(raw, max_events_per_record=count - 1)) == [too_many(record)]


def test_an_aggregate_with_too_many_records_is_one_part() -> None:
    record = aggregated(*[("a", b"x", None)] * 3)
    assert len(parts(record, Raw(max_events_per_record=3))) == 3
    assert parts(record, Raw(max_events_per_record=2)) == [too_many(record)]


@pytest.mark.parametrize(
    ("split", "bomb"),
    [
        ("lines", b"1\n" * 16 * MIB),
        ("lines", b"\n" * 32 * MIB + b"1\n" * 2_000),
        ("lines", (b" " * 1_000 + b"\n") * 32_000 + b"1\n" * 2_000),
        ("objects", b"{}" * 16 * MIB),
        ("array", b"[" + b"1," * 16 * MIB + b"1]"),
        ("cloudwatch_logs", b'{"logEvents":[' + b'{"message":""},' * 2 * MIB + b'{"message":""}]}'),
    ],
)
def test_a_bomb_of_millions_of_events_takes_little_more_memory_than_its_content(split: str, bomb: bytes) -> None:
    raw, record = Raw(payload_split=split, compression="auto", max_events_per_record=1_000), packed(bomb)
    tracemalloc.start()
    try:
        assert parts(record, raw) == [too_many(record)]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * len(bomb)


@pytest.mark.parametrize(
    ("raw", "record", "expected"),
    [
        (AUTO, packed(b"a\n", b"b"), [whole(packed(b"a\n", b"b"), b"a\nb")]),
        (AUTO, packed(b""), [whole(packed(b""), b"")]),
        (AUTO, packed(packed(b"a")), [whole(packed(packed(b"a")), packed(b"a"))]),
        (LINES, b"a\r\n\nb", [whole(b"a"), whole(b"b")]),
        (LINES, b"a\n", [whole(b"a")]),
        (BOTH, packed(b"a\nb"), [whole(b"a"), whole(b"b")]),
        (BOTH, packed(b"a"), [whole(b"a")]),
        (BOTH, packed(b" \n"), [whole(packed(b" \n"), b" \n")]),
        (BOTH, packed(b""), [whole(packed(b""), b"")]),
        (BOTH, packed(GZIP + b"\n1"), [whole(packed(GZIP + b"\n1"), GZIP + b"\n1")]),
    ],
)
def test_a_record_is_unpacked_as_asked(raw: Raw, record: bytes, expected: list[Part]) -> None:
    assert parts(record, raw) == expected


@pytest.mark.parametrize("raw", SETTINGS + OTHERS)
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" \n\r\n",
        b"\x00",
        bytes(range(11, 256)),
        GZIP,
        GZIP + b"no\ngzip",
        MAGIC,
        MAGIC + b"no checksum,\nbut as long as one is",
        MAGIC + b"\xff\xff" + md5(b"\xff\xff").digest(),
        MAGIC + md5(b"").digest(),
        b"x" + aggregated(("a", b"x", None)).replace(b"\n", b"\r"),
        b"x" * (10 * MIB),
    ],
    ids=lambda data: f"{data[:8]!r}, {len(data)}",
)
def test_bytes_that_are_packed_in_no_way_stay_as_they_are(data: bytes, raw: Raw) -> None:
    assert parts(data, raw) == [whole(data)]


def test_what_isnt_asked_for_isnt_unpacked() -> None:
    assert parts(packed(b"a\nb"), Raw()) == parts(packed(b"a\nb"), LINES) == [whole(packed(b"a\nb"))]
    assert parts(b"a\nb", Raw()) == parts(b"a\nb", AUTO) == [whole(b"a\nb")]


def test_each_user_record_of_an_aggregate_is_unpacked_but_no_aggregate_within() -> None:
    inner = aggregated(("x", b"5\n6", None))
    aggregate = aggregated(("a", packed(b"1\n2"), None), ("b", b"3\n4", None), ("c", b"", None), ("d", inner, None))
    lasts = [Part("c", b"", None), Part("d", inner, None)]
    lines_of = [Part("a", b"1", None), Part("a", b"2", None), Part("b", b"3", None), Part("b", b"4", None)]
    assert parts(aggregate, BOTH) == [*lines_of, *lasts]
    assert parts(aggregate, AUTO) == [Part("a", packed(b"1\n2"), b"1\n2"), Part("b", b"3\n4", None), *lasts]


def test_a_content_that_is_too_large_is_cut_one_byte_after_the_limit() -> None:
    limited = Raw(compression="auto", max_payload_bytes=5)
    assert parts(packed(b"12345"), limited) == [whole(packed(b"12345"), b"12345")]
    assert parts(packed(b"1234567"), limited) == [whole(packed(b"1234567"), b"123456")]


def test_with_lines_the_limit_is_a_lines() -> None:
    limited = Raw(compression="auto", payload_split="lines", max_payload_bytes=5)
    content = b"12345\n1234567\n"
    assert parts(packed(content), limited) == parts(content, limited) == [whole(b"12345"), whole(b"1234567")]
    assert parts(packed(b" " * 7), limited) == [whole(packed(b" " * 7), b" " * 6)]


@pytest.mark.parametrize("limit", [10 * MIB, SPLIT + 10])
def test_a_content_that_is_too_large_to_split_is_one_record_too_large(limit: int) -> None:
    raw = Raw(compression="auto", payload_split="lines", max_payload_bytes=limit)
    most = max(limit, SPLIT)
    assert [len(part.data) for part in parts(packed(b"1\n") + zeros(most - 2), raw)] == [1, most - 2]
    beyond = packed(b"1\n") + zeros(most - 1)
    assert parts(beyond, raw) == [whole(beyond, b"1\n" + bytes(limit - 1))]


# A user record: what the producer had to say, and whether it packed that with gzip.
pieces = st.sampled_from([b"{}", b"x", b" ", b"\t", b"\n", b"\r\n", b"\v", GZIP, MAGIC])
said = st.tuples(st.lists(pieces, max_size=8).map(b"".join) | st.binary(max_size=50), st.booleans())
# A record: a user record, or some in an aggregate.
records_said = st.tuples(st.just("plain"), said.map(lambda one: [one])) | st.tuples(
    st.just("aggregate"), st.lists(said, min_size=1, max_size=4)
)
Said = tuple[str, list[tuple[bytes, bool]]]


def sent(record: Said) -> bytes:
    kind, users = record
    data = [packed(content) if is_packed else content for content, is_packed in users]
    return aggregated(*[("k", one, None) for one in data]) if kind == "aggregate" else data[0]


def without_whitespace(texts: list[bytes]) -> bytes:
    return b"".join(texts).translate(None, b" \t\r\n")


@pytest.mark.parametrize("raw", [*SETTINGS, OBJECTS])
@settings(deadline=None)
@given(pages=st.lists(st.lists(records_said, min_size=1, max_size=5), min_size=1, max_size=3))
def test_nothing_is_lost_invented_or_moved_however_it_was_packed(raw: Raw, pages: list[list[Said]]) -> None:
    *rows, last = Answers(*[[("k", sent(record)) for record in page] for page in pages]).rows(raw=raw)
    by_record = [list(group) for _, group in groupby(rows, lambda row: row["sequenceNumber"])]
    for found, (_, users) in zip(by_record, [record for page in pages for record in page], strict=True):
        assert [row["subSequenceNumber"] for row in found] == list(range(len(found)))
        held = [row["data"] if row["content"] is None else row["content"] for row in found]
        was = [packed(text) if is_packed and raw.compression == "none" else text for text, is_packed in users]
        assert without_whitespace(held) == without_whitespace(was)
        if raw.payload_split == "none":
            assert held == was
            assert [row["data"] for row in found] == [packed(text) if is_packed else text for text, is_packed in users]
    receipt = last["receipt"]
    assert (receipt["user_records"], receipt["records"]) == (len(rows), sum(map(len, pages)))
    assert receipt["bytes"] == sum(len(sent(record)) for page in pages for record in page)
