"""What is read of the tables for the measures of an hour: frames in, whole frames out."""

import json
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from chispa import assert_df_equality
from pyspark.sql import DataFrame, SparkSession

from event_lake.contracts.contract import Column, Contract
from event_lake.lake import layout
from event_lake.quality.frames.arrivals import count_arrivals, narrow_arrivals
from event_lake.quality.frames.elsewhere import count_elsewhere, count_staged_twice, select_candidates
from event_lake.quality.frames.fields import _bit, count_values_in_objects, take_inventory
from event_lake.quality.frames.refusals import count_refusals
from event_lake.quality.hour.inventory import LONGEST_FIELD
from support.raw_layers import NOON, Event, frame

HOUR = int(NOON.timestamp())
DAY = NOON.date()
# Of the next hour: never counted.
LATER = Event(uuid="later", arrived=3600)


def test_an_hours_events_are_counted_by_type_and_together(spark: SparkSession) -> None:
    events = [Event(), Event(uuid="b", arrived=1), Event(uuid="c", event_type="quiz", created=9, arrived=5), LATER]
    found = count_arrivals(narrow_arrivals(frame(spark, events), [NOON], []))
    _assert_equal(
        found.drop("late", "wait"),
        "hour long, event_type string, events long, subtypes long, in_order long, latest double, longest double, "
        "newest double",
        [
            (HOUR, "lesson", 2, 2, 2, 1.0, 0.0, HOUR + 1.0),
            (HOUR, "quiz", 1, 1, 0, -4.0, 0.0, HOUR + 5.0),
            (HOUR, None, 3, 3, 2, 1.0, 0.0, HOUR + 5.0),
        ],
    )


def test_an_event_uuid_is_elsewhere_where_its_date_or_type_is_another(spark: SparkSession) -> None:
    events = frame(spark, [Event(), Event(uuid="b"), Event(uuid="c"), LATER])
    staged = events.union(
        frame(
            spark, [Event(event_type="quiz"), Event(uuid="b", day=-1), Event(uuid="d", day=-1), Event(event_type="x")]
        )
    )
    found = select_candidates(narrow_arrivals(events, [NOON], []), staged, 3)
    others = [("a", DAY, "quiz"), ("a", DAY, "x"), ("b", DAY - timedelta(days=1), "lesson")]
    _assert_equal(found, "event_uuid string, date date, true_event_type string", others)
    _assert_equal(
        count_elsewhere(events, [NOON], found, []),
        "hour long, of_type string, events long, of_date long, of_event_type long, types array<string>",
        [(HOUR, "lesson", 2, 1, 1, ["quiz", "x"])],
    )


def test_of_any_number_of_other_types_the_first_ten_are_named(spark: SparkSession) -> None:
    events = frame(spark, [Event(), Event(uuid="b")])
    staged = frame(spark, [Event(event_type=f"type{number:02}", uuid=uuid) for number in range(30) for uuid in "ab"])
    found = select_candidates(narrow_arrivals(events, [NOON], []), staged, 2)
    [row] = count_elsewhere(events, [NOON], found, []).collect()
    assert (row.events, row.of_event_type, row.types) == (2, 2, [f"type{number:02}" for number in range(10)])


def test_an_event_is_nowhere_else_where_only_its_partition_is_another(spark: SparkSession) -> None:
    events = frame(spark, [Event()])
    staged = frame(spark, [Event(partition="__other__")])
    assert select_candidates(narrow_arrivals(events, [NOON], []), staged, 1).count() == 0


def test_an_event_in_both_partitions_is_staged_twice_in_the_hours_of_both_rows(spark: SparkSession) -> None:
    later = {"partition": "__other__", "arrived": 3600}
    twice = [Event(), Event(**later), Event(uuid="b"), Event(uuid="b", partition="__other__")]
    once = [Event(uuid="c"), Event(uuid="d", **later), Event(uuid="d", event_type="quiz")]
    found = count_staged_twice(frame(spark, [*twice, *once]), [NOON])
    _assert_equal(found, "hour long, of_type string, events long", [(HOUR, "lesson", 2)])


def test_a_types_fields_are_counted_with_their_types_and_what_cant_be_read(spark: SparkSession) -> None:
    says = ['{"x":1,"y":null}', r'{"x":"cut \ud83d"}', '{"x":1,"x":2}', "{}"]
    events = frame(spark, [*(Event(uuid=text, says=text) for text in says), LATER])
    every = spark.createDataFrame([(HOUR, "lesson", 1)], "hour long, measured string, every long")
    of_type = (3, 1, 2)
    _assert_equal(
        take_inventory(events, [NOON], [], every).where("key is not null"),
        "hour long, measured string, key string, events long, values long, types int, sampled long, unread long, "
        "fields long",
        [
            (HOUR, "lesson", "x", 2, 2, _bit("integer") | _bit("string"), *of_type),
            (HOUR, "lesson", "y", 1, 0, _bit("null"), *of_type),
        ],
    )


def test_a_field_whose_name_is_too_long_is_counted_but_not_listed(spark: SparkSession) -> None:
    long = "k" * (LONGEST_FIELD + 1)
    events = frame(
        spark, [Event(uuid=str(at), says=json.dumps({long: 1, "x": 1} if at else {long: 1})) for at in range(3)]
    )
    every = spark.createDataFrame([(HOUR, "lesson", 1)], "hour long, measured string, every long")
    found = take_inventory(events, [NOON], [], every).where("key is not null").collect()
    assert [(row.key, row.events, row.fields) for row in found] == [("x", 2, 2)]


def test_values_in_objects_are_counted_whatever_characters_their_keys_have(spark: SparkSession) -> None:
    keys = {"plain": "a", "single": "it's", "double": 'a"b', "both": """6'0\"""", "dotted": "a.b"}
    columns = tuple(Column(name=name, type="string", path=("of", key)) for name, key in keys.items())
    contract = Contract(event_type="lesson", columns=(*columns, Column(name="none", type="int", path=("of", "z"))))
    says = [json.dumps({"of": dict.fromkeys(keys.values(), 1)}), '{"of":{"a":null}}', '{"of":1}', "{}"]
    events = frame(spark, [Event(uuid=text, says=text) for text in says])
    every = spark.createDataFrame([(HOUR, "lesson", 1)], "hour long, measured string, every long")
    found = count_values_in_objects(events, [NOON], {"lesson": contract}, every)
    assert found
    counted = [(HOUR, "lesson", name, 1) for name in keys]
    _assert_equal(found, "hour long, measured string, column string, values long", counted)


def test_what_was_refused_is_counted_of_four_tables_at_once(spark: SparkSession) -> None:
    at = {"date": DAY, "arrived_at": NOON}
    reasons = [{"column": "amount", "reason": "wrong_type"}, {"column": None, "reason": "unreadable"}]
    ended = {"date": DAY, "ingested_at": NOON, "read_until": NOON}
    held = {
        layout.QUARANTINE: [at | {"reasons": ["b", "a"]}, at | {"reasons": ["a", "b"]}],
        layout.CONFLICTS: [at | {"event_type": "lesson", "true_event_type": "lesson"}],
        layout.REJECTED: [at | {"event_type": "paid", "reasons": reasons}],
        # Without a receipt nothing is known of what was read, and a damaged row may lack either.
        layout.LEDGER: [
            ended | {"read": 20, "duplicates": 5},
            ended | {"read": None, "duplicates": None},
            ended | {"read": None, "duplicates": 3},
            ended | {"read": 30, "duplicates": None},
        ],
    }
    read = {table: _frame(spark, table, rows) for table, rows in held.items()}
    _assert_equal(
        count_refusals(read.__getitem__, [NOON], []),
        "kind string, hour long, event_type string, names array<string>, records long, others long, until double",
        [
            ("quarantine", HOUR, None, ["a", "b"], 2, 0, None),
            ("conflicts", HOUR, "lesson", None, 1, 0, None),
            ("rejected", HOUR, "paid", None, 1, 0, None),
            ("rejected", HOUR, "paid", ["amount", "wrong_type"], 1, 0, None),
            ("rejected", HOUR, "paid", [None, "unreadable"], 1, 0, None),
            ("ledger", HOUR, None, None, 20, 5, float(HOUR)),
        ],
    )


def _frame(spark: SparkSession, table: layout.Table, rows: Iterable[Mapping[str, Any]]) -> DataFrame:
    return spark.createDataFrame([tuple(row.get(name) for name in table.schema.names) for row in rows], table.schema)


def _assert_equal(found: DataFrame, schema: str, rows: list[tuple[Any, ...]]) -> None:
    wanted = found.sparkSession.createDataFrame(rows, schema)
    assert_df_equality(found, wanted, ignore_row_order=True, ignore_nullable=True)
