"""What an executor yields: rows of Arrow, and one receipt after them."""

import gzip
from datetime import timedelta
from typing import Any

import pyspark
import pytest
from pyspark.sql.pandas.types import to_arrow_schema

from event_lake.config.settings import Raw
from event_lake.errors import DataLossError
from event_lake.kinesis.offsets import After, At, TrimHorizon
from event_lake.kinesis.parts import Hole, Range
from event_lake.lake.schemas import RECORD
from support.answering_shards import Answers
from support.fake_shards import T0
from support.kpl import aggregated


def fields_of(rows: list[dict[str, Any]]) -> list[tuple[str, bytes, str, int]]:
    """Of each record: its partition key, its data, its number, and its place in an aggregate."""
    found = [row for row in rows if row["receipt"] is None]
    return [(row["partitionKey"], row["data"], row["sequenceNumber"], row["subSequenceNumber"]) for row in found]


def test_a_record_is_a_row_of_the_columns_that_databricks_gives_it() -> None:
    one, other, _ = Answers([("k", b"one")], [("l", b"two")]).rows()
    assert one == {
        "data": b"one",
        "partitionKey": "k",
        "stream": "events",
        "shardId": "s-0",
        "sequenceNumber": "100",
        "subSequenceNumber": 0,
        "approximateArrivalTimestamp": T0,
        "content": None,
        "tooManyEvents": False,
        "receipt": None,
    }
    assert other == one | {
        "data": b"two",
        "partitionKey": "l",
        "sequenceNumber": "101",
        "approximateArrivalTimestamp": T0 + timedelta(milliseconds=1),
    }


def test_a_receipt_ends_the_range_and_says_what_was_read() -> None:
    *_, receipt = Answers(
        [("k", b"one"), ("k", b"three")], [("k", aggregated(("a", b"x", None), ("b", b"", None)))]
    ).rows()
    assert receipt == {
        "data": None,
        "partitionKey": None,
        "stream": "events",
        "shardId": "s-0",
        "sequenceNumber": "102",
        "subSequenceNumber": None,
        "approximateArrivalTimestamp": T0 + timedelta(milliseconds=2),
        "content": None,
        "tooManyEvents": None,
        "receipt": {
            "start": "TRIM_HORIZON",
            "records": 3,
            "user_records": 4,
            "bytes": 8 + len(aggregated(("a", b"x", None), ("b", b"", None))),
            "first_sequence_number": "100",
            "last_sequence_number": "102",
            "millis_behind": 0,
            "calls": 4,
            "throttled": 1,
            "hole": None,
        },
    }


@pytest.mark.parametrize(
    ("start", "text"),
    [
        (TrimHorizon(), "TRIM_HORIZON"),
        (TrimHorizon(T0), "TRIM_HORIZON LOST 2026-11-21T00:00:00+00:00"),
        (At(T0 + timedelta(milliseconds=5)), "AT 2026-11-21T00:00:00.005000+00:00"),
        (After("99"), "99"),
    ],
)
def test_a_receipt_says_after_which_position_its_range_was_read(start: TrimHorizon | At | After, text: str) -> None:
    *_, row = Answers([("k", b"x")]).rows(Range("s-0", start, After("100"), T0, timedelta(days=1)))
    assert (row["receipt"]["start"], row["receipt"]["last_sequence_number"]) == (text, "100")


def test_every_batch_has_the_schema_that_spark_makes_of_ours() -> None:
    batches = list(Answers([("k", b"one")], [("k", aggregated(("a", b"x", None)))]).batches())
    # Spark 4.1 takes UTC, and has another name for it.
    in_utc = {} if pyspark.__version__.startswith("4.1.") else {"timezone": "UTC"}
    assert [batch.schema for batch in batches] == [to_arrow_schema(RECORD, **in_utc)] * 3


def sizes(answers: Answers, raw: Raw) -> list[int]:
    """The rows of each batch, the receipt's aside."""
    return [batch.num_rows for batch in answers.batches(raw=raw)][:-1]


def test_a_page_is_a_batch_and_never_more_than_10_000_rows() -> None:
    many = aggregated(*[("k", b"%d" % n, None) for n in range(15_000)])
    answers = Answers([("k", b"first"), ("k", many), ("k", b"last")], [("k", b"x")] * 3)
    assert sizes(answers, Raw()) == [10_000, 5_002, 3]
    numbers = [b"%d" % n for n in range(15_000)]
    assert [data for _, data, _, _ in fields_of(answers.rows())] == [b"first", *numbers, b"last", *[b"x"] * 3]
    in_lines = Answers([("k", b"1\n2\n3"), ("k", b"1\n" * 19_998)])
    assert sizes(in_lines, Raw(payload_split="lines")) == [10_000, 10_000, 1]


def test_a_batch_has_64_mib_at_most_or_one_row() -> None:
    mebibyte = gzip.compress(bytes(1 << 20))
    assert sizes(Answers([("k", mebibyte)] * 70), Raw(compression="auto")) == [63, 7]
    patient = Raw(compression="auto", max_payload_bytes=100 << 20)
    assert sizes(Answers([("k", b"x"), ("k", mebibyte * 65), ("k", b"x"), ("k", b"x")]), patient) == [1, 1, 2]


def test_an_aggregates_records_are_rows_of_their_own_with_their_places() -> None:
    packed = aggregated(("a", b"one", None), ("b", b"two", "5"), ("a", b"", None))
    assert fields_of(Answers([("k", b"before"), ("ignored", packed), ("l", b"behind")]).rows()) == [
        ("k", b"before", "100", 0),
        ("a", b"one", "101", 0),
        ("b", b"two", "101", 1),
        ("a", b"", "101", 2),
        ("l", b"behind", "102", 0),
    ]


@pytest.mark.parametrize("key", ["東京/🗼", "مفتاح", "a\tb\n", "\x00", "x" * 256])
def test_every_partition_key_survives(key: str) -> None:
    answers = Answers([(key, b"plain"), ("k", aggregated((key, b"packed", None)))])
    assert fields_of(answers.rows()) == [(key, b"plain", "100", 0), (key, b"packed", "101", 0)]


def test_an_arrival_time_is_exact_to_the_millisecond() -> None:
    *rows, _ = Answers([("k", b"")] * 10_000).rows()
    assert [row["approximateArrivalTimestamp"] for row in rows] == [
        T0 + timedelta(milliseconds=n) for n in range(10_000)
    ]


def test_a_hole_is_a_receipt_of_nothing_read() -> None:
    hole = Hole("s-7", After("5"), "s-7 after 5: expired before 2026-11-21T09:00:00+00:00")
    assert Answers().rows(hole, go_on=True) == [
        {
            "data": None,
            "partitionKey": None,
            "stream": "events",
            "shardId": "s-7",
            "sequenceNumber": None,
            "subSequenceNumber": None,
            "approximateArrivalTimestamp": None,
            "content": None,
            "tooManyEvents": None,
            "receipt": {
                "start": "5",
                "records": 0,
                "user_records": 0,
                "bytes": 0,
                "first_sequence_number": None,
                "last_sequence_number": None,
                "millis_behind": 0,
                "calls": 0,
                "throttled": 0,
                "hole": "s-7 after 5: expired before 2026-11-21T09:00:00+00:00",
            },
        }
    ]


def test_records_that_are_gone_end_the_reading() -> None:
    with pytest.raises(DataLossError) as lost:
        Answers([("k", b"x")], gone=True).rows()
    assert str(lost.value) == (
        "stream 'events': shard s-0 is gone: records after TRIM_HORIZON up to 100;"
        " source.fail_on_data_loss = false goes on without them"
    )


def test_a_receipt_names_what_is_gone_and_ends_where_its_range_does_all_the_same() -> None:
    (row,) = Answers([("k", b"x")], gone=True).rows(go_on=True)
    receipt = row["receipt"]
    assert receipt["hole"] == "shard s-0 is gone: records after TRIM_HORIZON up to 100"
    assert (receipt["first_sequence_number"], receipt["last_sequence_number"], receipt["records"]) == (None, "100", 0)
    assert (row["sequenceNumber"], row["approximateArrivalTimestamp"]) == ("100", None)


def test_what_is_read_beside_a_loss_is_in_the_same_receipt() -> None:
    part = Range("s-0", After("90"), After("100"), T0 - timedelta(days=2), timedelta(days=1))
    record, receipt = Answers([("k", b"x")]).rows(part, go_on=True)
    assert (record["data"], receipt["receipt"]["records"]) == (b"x", 1)
    assert receipt["receipt"]["hole"] == "records of s-0 after 90 expired before they were read"
