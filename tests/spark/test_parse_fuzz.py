"""Whatever bytes come: nothing fails, and Spark's verdict is that of a few lines of Python."""

import json
import re
from collections.abc import Iterable

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pyspark.sql import Row, SparkSession

from event_lake.config import Raw
from event_lake.raw.parse import judged
from spark.builders import records
from unit.oracle import verdict
from unit.sent import ARRIVED, an_event

EXAMPLES = 800
# Small limits, so that examples lie on both sides of them.
RULES = Raw(max_depth=5, max_payload_bytes=600, max_name_parts=3, max_name_part_length=8, name_characters="_.-+$~")
SECONDS = int(ARRIVED.timestamp())

FIELDS = ["event_uuid", "event_name", "created_at"]
SNIPPETS = [
    *'{}[]",:\\/ \t\r\n\0x-+.0e?',
    *('"event_uuid":', '"event_uuid":"a",', '"event_uuid":"a\\x,', '"event_name":null,', '"created_at":true,'),
    *(
        "null",
        "true",
        "NaN",
        "Infinity",
        "-",
        "01",
        "1.",
        "1e5",
        "-0",
        "1e400",
        "0x1",
        "1" * 1001,
        "{}",
        "[[[[[[]]]]]]",
    ),
    *('""', '"a"', "'a'", "\\u0000", "\\ud800", "\\udc00", "\\ud83d\\ude00", "\\\\ud800", "\\u12", "\\x", "\ufeff"),
    *("/* */", "//", "\u2028", "\x7f", "\x85", "\xa0", "é", "😀", "]}", "}{", '"}', '\\"', "}]", "[{"),
]
RAW_SNIPPETS = [
    *(snippet.encode() for snippet in SNIPPETS),
    b"\xff",
    b"\xc0\x80",
    b"\xed\xa0\x80",
    b"\xe9",
    b"\xf0\x9f",
]
NAME_PARTS = ["a", "login", "12345678", "123456789", "", "__", "_", ".", "..", "true", "1e5", "-"]

uuids = st.one_of(
    st.uuids().map(str),
    st.sampled_from(
        ["a?", "?", "5", "-5", "1e5", "true", "false", "null", "{", "[", "", "x", "a\0", "é" * 256, "a" * 257]
    ),
    st.text(max_size=4),
)
names = st.one_of(
    st.lists(st.sampled_from(NAME_PARTS), max_size=5).map(":".join),
    st.text(alphabet="aé:_.-+$~! \n0", max_size=12),
)
times = st.one_of(
    st.floats(SECONDS - 40 * 86400, SECONDS + 900),
    st.integers(SECONDS - 40 * 86400, SECONDS + 900),
    st.integers((SECONDS - 40 * 86400) * 1000, (SECONDS + 900) * 1000),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(),
    st.sampled_from(
        [SECONDS + 300, SECONDS + 301, SECONDS - 30 * 86400, 10**11, 10**11 - 1, 10**14, -(10**11), -0.0, 0]
    ),
)
strings = st.one_of(st.text(max_size=6), uuids, names, times.map(json.dumps))
tokens = st.one_of(
    st.builds(json.dumps, strings, ensure_ascii=st.booleans()),
    times.map(json.dumps),
    st.sampled_from(["null", "true", "false", "1.50", "1E+2", "1e400", "-0", "1" * 1001, f"{SECONDS}.{'0' * 1000}"]),
    st.sampled_from(
        ["[]", "{}", '["\\ud800"]', '{"a":1,"a":2}', "[[[[]]]]", "[[[[[]]]]]", "[[[[[[]]]]]]", '"\\ud800"']
    ),
    st.sampled_from(
        ['"\\udc00\\ud800"', '"a\\\\ud800"', '"\\u0000"', '"\\"x"', '"x\\\\"', '"\\ud83d\\ude00"', '"\\\\"']
    ),
)
keys = st.one_of(
    st.sampled_from(FIELDS).map(json.dumps),
    st.sampled_from(
        ['"event\\u005fuuid"', '"event_uuidx"', '"EVENT_UUID"', '" event_uuid"', '"error"', '"\\ud800"', '""']
    ),
    st.text(max_size=3).map(json.dumps),
)


@st.composite
def objects(draw: st.DrawFn) -> bytes:
    """An object of any members, among them those of an event."""
    own = [
        ('"event_uuid"', json.dumps(draw(uuids))),
        ('"event_name"', json.dumps(draw(names))),
        ('"created_at"', json.dumps(draw(st.one_of(times, times.map(json.dumps))))),
    ]
    others = draw(st.lists(st.tuples(keys, tokens), max_size=4))
    members = draw(st.permutations(own))[draw(st.sampled_from([0, 0, 0, 1])) :] + others
    gap = draw(st.sampled_from(["", "", " ", "\r\n\t"]))
    text = gap + "{" + ",".join(f"{gap}{key}{gap}:{gap}{token}{gap}" for key, token in members) + "}" + gap
    return text.encode(errors="surrogatepass")


@st.composite
def mutants(draw: st.DrawFn) -> bytes:
    """A good event with something put in, left out, or twice."""
    data = draw(st.one_of(st.just(an_event()), st.just(an_event(a="\\u005c", b=[{"c": 1.5}])), objects()))
    for _ in range(draw(st.integers(1, 3))):
        begin, end = sorted((draw(st.integers(0, len(data))), draw(st.integers(0, len(data)))))
        middle = draw(st.sampled_from([data[begin:end], b"", b"", data[begin:end] * 2, *RAW_SNIPPETS]))
        data = data[:begin] + middle + data[begin if draw(st.booleans()) else end :]
    return data


def encoded(text: str) -> bytes:
    return text.encode(errors="surrogatepass")


@pytest.mark.parametrize(
    "examples",
    [
        st.one_of(st.binary(max_size=40), st.text(max_size=20).map(encoded)),
        st.lists(st.sampled_from(RAW_SNIPPETS), max_size=8).map(b"".join),
        st.one_of(tokens, st.lists(tokens, max_size=3).map(", ".join)).map(encoded),
        objects(),
        mutants(),
    ],
    ids=["bytes", "snippets", "values", "objects", "mutants"],
)
def test_spark_and_python_agree_on_every_record(spark: SparkSession, examples: st.SearchStrategy[bytes]) -> None:
    data = _drawn(examples)
    rows = (
        judged(records(spark, data, first=100_000), RULES).where("receipt is null").orderBy("sequence_number").collect()
    )
    assert _differences(data, rows) == []


def _drawn(examples: st.SearchStrategy[bytes]) -> list[bytes]:
    """Many examples for one Spark job."""
    drawn: dict[bytes, None] = {}

    @settings(
        max_examples=EXAMPLES,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(examples)
    def draw(data: bytes) -> None:
        drawn[data] = None

    draw()
    return list(drawn)


def _differences(data: Iterable[bytes], rows: Iterable[Row]) -> list[tuple[bytes, object, object]]:
    found = []
    for sent, row in zip(data, rows, strict=True):
        said = verdict(sent, RULES)
        is_event = said.reasons == []
        # Of numbers a first look tells the value, not the spelling.
        created_at = said.fields[2] if not is_event else row.created_at
        expected = (
            said.reasons,
            is_event,
            None if is_event else sent,
            sent.decode() if is_event else None,
            *said.fields[:2],
            created_at,
            said.seconds if is_event else None,
        )
        kept = None if row.data is None else bytes(row.data)
        fields = (row.event_uuid, row.event_name, row.created_at)
        got = (row.reasons, row.is_event, kept, row.payload, *fields, row.created_seconds)
        if _undecoded(got) != _undecoded(expected):
            found.append((sent, expected, got))
    return found


def _undecoded(values: tuple[object, ...]) -> list[object]:
    """With one U+FFFD for any number: Java and Python make as many as they like of what isn't UTF-8."""
    return [re.sub("\ufffd+", "\ufffd", value) if isinstance(value, str) else value for value in values]
