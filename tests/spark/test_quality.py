"""Small tables in, whole rows of quality/metrics out."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from event_lake.config.settings import Lake, Settings, Source
from event_lake.contracts.contract import Column, Contract
from event_lake.errors import QualityError, UserError
from event_lake.lake import layout, tables
from event_lake.quality import catalogue
from event_lake.quality.check import check_quality
from event_lake.quality.measure import measure
from event_lake.quality.metric import Metric
from event_lake.quality.thresholds import Rule
from support.empty_tables import make_empty

NINE = datetime(2026, 11, 20, 9, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TEN = NINE + HOUR
PAID = Contract(
    event_type="paid",
    columns=(
        Column(name="amount", type="bigint", required=True),
        Column(name="note", type="string"),
        Column(name="city", type="string", path=("address", "the 'city'")),
        Column(name="street", type="string", path=("address", "street")),
    ),
)
ADDRESS = {"the 'city'": "Rome", "street": None}
CONTRACTS = {"paid": PAID}
Row = Mapping[str, Any]


def an_event(uuid: str, event_type: str = "lesson", **of: Any) -> Row:
    """Created at 9:30 and arrived 10 s later; `says` is in its payload, and `others` if its type has no partition."""
    created = of.get("created", NINE + HOUR / 2)
    arrived = created + timedelta(seconds=of.get("late", 10))
    says = {"event_uuid": uuid, "event_name": event_type, "created_at": 1, **of.get("says", {"user": "u"})}
    return {
        "event_uuid": uuid,
        "event_name": event_type,
        "created_datetime": created,
        "event_type": "__other__" if of.get("others") else event_type,
        "true_event_type": event_type,
        "event_subtype": of.get("subtype"),
        "payload": of.get("payload", json.dumps(says)),
        "date": created.date(),
        "arrived_at": arrived,
        "ingested_at": arrived + timedelta(seconds=60),
    }


def a_refusal(*reasons: str) -> Row:
    return {"reasons": list(reasons), "date": NINE.date(), "arrived_at": NINE + HOUR / 2}


def in_ledger(until: datetime, read: int | None, duplicates: int | None) -> Row:
    return {"read": read, "duplicates": duplicates, "read_until": until, "ingested_at": until, "date": until.date()}


def earlier(hour: datetime, measure: str, event_type: str | None, subject: str | None, value: float, **of: Any) -> Row:
    names = {"measure": measure, "event_type": event_type, "subject": subject, "detail": of.get("detail")}
    return {**names, "hour": hour, "value": float(value), "date": hour.date()}


EVENTS = [
    an_event("a", says={"user": "u", "score": 1, "kind": "x"}, subtype="done"),
    an_event("b", says={"user": None, "score": 2.5, "tags": [], "at": {"x": 1}}, subtype="done", late=90),
    # A key that comes twice: no variant can hold it.
    an_event("c", payload='{"event_uuid":"c","score":1,"score":2}', late=-2),
    an_event("d", "paid", others=True, says={"user": "u", "amount": "1", "address": ADDRESS}),
    an_event("e", "rare", others=True),
    an_event("f", "rarer", others=True),
    an_event("ten", "quiz", created=TEN),
    an_event("eight", "quiz", created=NINE - HOUR),
]
ELSEWHERE = [
    an_event("a", created=NINE - DAY),
    an_event("b", "quiz"),
    an_event("a", "quiz", created=NINE - DAY),
    # A type that has got a partition: staged twice by an older version.
    an_event("d", "paid"),
    # A day too early to be looked at.
    an_event("c", created=NINE - 2 * DAY),
]
QUARANTINED = [a_refusal("not_json"), a_refusal("malformed_event_name", "missing_created_at")]
LEDGER = [
    in_ledger(NINE + HOUR / 2, 20, 5),
    # Without a receipt nothing is known of what was read.
    in_ledger(NINE + HOUR / 2, None, None),
    in_ledger(TEN + HOUR, 7, 7),
]
REJECTED = [
    {
        "event_type": "paid",
        "reasons": [{"column": "amount", "reason": "wrong_type"}, {"column": None, "reason": "unreadable"}],
        "date": NINE.date(),
        "arrived_at": NINE + HOUR / 2,
    }
]
HISTORY = [
    *(earlier(NINE - 7 * DAY * back, "events", None, None, 6) for back in range(1, 5)),
    *(earlier(NINE - 7 * DAY * back, "events", "gone", None, 20) for back in range(1, 5)),
    earlier(NINE - DAY, "events", "lesson", None, 100),
    earlier(NINE - DAY, "field_presence", "lesson", "score", 1.0, detail="integer"),
    earlier(NINE - DAY, "field_presence", "lesson", "kind", 1.0, detail="string"),
    # Not of the hours that are measured, and not looked at either.
    earlier(NINE - 9 * DAY, "events", "forgotten", None, 5),
    # As an earlier run left it.
    earlier(NINE, "new_type", "stale", None, 1),
]


def put(spark: SparkSession, root: str, table: layout.Table, rows: Iterable[Row]) -> None:
    values = [tuple(row.get(name) for name in table.schema.names) for row in rows]
    spark.createDataFrame(values, table.schema).coalesce(1).write.format("delta").mode("append").save(table.path(root))


@pytest.fixture(scope="module")
def lake(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A lake whose hour from nine to ten was measured twice, with the hour from seven, in which nothing came."""
    root = str(tmp_path_factory.mktemp("quality") / "lake")
    make_empty(spark, root, [*layout.RAW, *layout.STAGING])
    conflict = {**EVENTS[0], "date": NINE.date()}
    contents = {
        layout.RAW_EVENTS: EVENTS,
        layout.STAGING_EVENTS: [*EVENTS, *ELSEWHERE],
        layout.QUARANTINE: QUARANTINED,
        layout.LEDGER: LEDGER,
        layout.CONFLICTS: [conflict],
        layout.REJECTED: REJECTED,
        layout.METRICS: HISTORY,
    }
    for table, rows in contents.items():
        put(spark, root, table, rows)
    settings = Settings(source=Source(stream="events"), lake=Lake(root=root))
    assert measure(spark, settings, [NINE, NINE - 2 * HOUR], CONTRACTS) == measure(
        spark, settings, [NINE - 2 * HOUR, NINE], CONTRACTS, note="again"
    )
    return settings


@pytest.fixture(scope="module")
def rows(spark: SparkSession, lake: Settings) -> Sequence[Metric]:
    """All rows of quality/metrics."""
    found = tables.read(spark, lake.lake.root, layout.METRICS).withColumn("hour", F.unix_seconds("hour")).collect()
    assert all(row.date == datetime.fromtimestamp(row.hour, UTC).date() for row in found)
    return [Metric(*row[:3], datetime.fromtimestamp(row.hour, UTC), row["value"], row.detail) for row in found]


def of(rows: Sequence[Metric], *measures: str, hour: datetime = NINE) -> set[tuple[Any, ...]]:
    """What is told of one hour: (event_type, subject, value, detail), after the measure if there are several."""
    found = [m for m in rows if m.measure in measures and m.hour == hour]
    short = {(m.event_type, m.subject, m.value, m.detail) for m in found}
    assert len(found) == len(short)
    return short if len(measures) == 1 else {(m.measure, m.event_type, m.subject, m.value, m.detail) for m in found}


def third(count: int) -> float:
    return round(count / 3, 9)


def test_events_are_counted_by_type_and_others_together_unless_they_have_a_contract(rows: Sequence[Metric]) -> None:
    assert of(rows, "events") == {
        (None, None, 6.0, None),
        ("lesson", None, 3.0, None),
        ("paid", None, 1.0, None),
        ("__other__", None, 2.0, None),
        ("gone", None, 0.0, None),
    }
    assert of(rows, "new_type") == {("paid", None, 1.0, None), ("__other__", None, 2.0, None)}


def test_an_hour_is_held_against_the_same_hour_of_the_weeks_before(rows: Sequence[Metric]) -> None:
    detail = "0 events, usually 20 (median of 4 weeks)"
    found = of(rows, "unusual_events", "vanished_type")
    assert ("unusual_events", None, None, 0.0, "6 events, usually 6 (median of 4 weeks)") in found
    assert ("unusual_events", "gone", None, round(-20 / 20**0.5, 3), detail) in found
    assert {row for row in found if row[0] == "vanished_type"} == {("vanished_type", "gone", None, 20.0, detail)}


def test_what_was_sent_is_complete_and_well_formed_but_for_what_was_quarantined(rows: Sequence[Metric]) -> None:
    assert {row for row in of(rows, "completeness") if row[0] is None} == {
        (None, "event_uuid", 1.0, None),
        (None, "event_name", 1.0, None),
        (None, "created_at", round(6 / 7, 9), None),
        (None, "event_subtype", third(1), None),
        (None, "user", round((3 * 0.5 + 1 + 2) / 6, 9), None),
    }
    assert of(rows, "valid_format") == {
        (None, "event_uuid", 1.0, None),
        (None, "event_name", round(6 / 7, 9), None),
        (None, "created_at", 1.0, None),
    }
    assert of(rows, "quarantined") == {
        (None, None, 0.25, None),
        (None, "not_json", 0.125, None),
        (None, "malformed_event_name", 0.125, None),
        (None, "missing_created_at", 0.125, None),
    }


def test_duplicates_are_the_ledgers_and_conflicts_the_events_in_conflict(rows: Sequence[Metric]) -> None:
    assert of(rows, "duplicates") == {(None, None, 0.25, None)}
    assert of(rows, "conflicts") == {
        (None, None, round(1 / 6, 9), None),
        ("lesson", None, third(1), None),
        ("paid", None, 0.0, None),
        ("__other__", None, 0.0, None),
    }


def test_lateness_runs_from_creation_to_arrival_and_latency_on_to_the_batch(rows: Sequence[Metric]) -> None:
    assert {(s, v) for t, s, v, _ in of(rows, "lateness") if t == "lesson" and s == "max"} == {("max", 90.0)}
    p50 = next(v for t, s, v, _ in of(rows, "lateness") if (t, s) == ("lesson", "p50"))
    assert p50 == pytest.approx(10, rel=0.01)
    assert {s: v for _, s, v, _ in of(rows, "ingest_latency")} == pytest.approx(
        dict.fromkeys(("p50", "p95", "p99", "max"), 60), rel=0.01
    )
    assert ("lesson", None, third(2), None) in of(rows, "created_before_arrival")
    assert (None, None, (NINE + HOUR / 2).timestamp() + 90, None) in of(rows, "newest_arrival")


def test_fields_are_told_with_their_types_and_no_values(rows: Sequence[Metric]) -> None:
    assert {row for row in of(rows, "field_presence", "unread_payloads") if row[1] == "lesson"} == {
        *(("field_presence", "lesson", name, 1.0, "string") for name in ("event_uuid", "event_name")),
        ("field_presence", "lesson", "created_at", 1.0, "integer"),
        ("field_presence", "lesson", "user", 1.0, "null, string"),
        ("field_presence", "lesson", "score", 1.0, "integer, number"),
        ("field_presence", "lesson", "kind", 0.5, "string"),
        ("field_presence", "lesson", "tags", 0.5, "array"),
        ("field_presence", "lesson", "at", 0.5, "object"),
        ("unread_payloads", "lesson", None, third(1), None),
    }


def test_drift_is_against_the_contract_or_else_the_days_before(rows: Sequence[Metric]) -> None:
    required = ("event_uuid", "event_name")
    assert of(rows, "new_field", "changed_field", "vanished_field") == {
        *(("new_field", "lesson", name, 1.0, "string") for name in required),
        ("new_field", "lesson", "created_at", 1.0, "integer"),
        ("new_field", "lesson", "user", 1.0, "null, string"),
        ("new_field", "lesson", "tags", 0.5, "array"),
        ("new_field", "lesson", "at", 0.5, "object"),
        ("changed_field", "lesson", "score", 1.0, "number; expected integer"),
        ("new_field", "paid", "user", 1.0, "string"),
        ("changed_field", "paid", "amount", 1.0, "string; expected integer"),
    }


def test_contracts_are_measured_by_nulls_and_violations(rows: Sequence[Metric]) -> None:
    assert of(rows, "null_share") == {
        ("paid", "amount", 0.0, None),
        ("paid", "note", 1.0, None),
        ("paid", "city", 0.0, None),
        ("paid", "street", 1.0, None),
    }
    assert of(rows, "contract_violations") == {
        ("paid", None, 1.0, None),
        ("paid", "amount", 1.0, "wrong_type"),
        ("paid", "payload", 1.0, "unreadable"),
    }


def test_an_event_uuid_on_another_date_or_type_of_two_days_is_found(rows: Sequence[Metric]) -> None:
    assert of(rows, "uuid_elsewhere") == {
        (None, None, 2.0, None),
        (None, "date", 1.0, None),
        (None, "event_type", 2.0, None),
        ("lesson", None, 2.0, None),
        ("lesson", "date", 1.0, None),
        ("lesson", "event_type", 2.0, "quiz"),
        (None, "partition", 1.0, None),
        ("paid", "partition", 1.0, None),
    }


def test_an_hour_in_which_nothing_came_is_measured_as_such(rows: Sequence[Metric]) -> None:
    seven = {m for m in rows if m.hour == NINE - 2 * HOUR}
    assert {(m.measure, m.event_type, m.subject, m.value) for m in seven if m.value or m.measure == "events"} == {
        ("events", None, None, 0.0),
        *(("events", name, None, 0.0) for name in ("gone", "lesson")),
    }
    assert {m.measure for m in seven} == {"events", "uuid_elsewhere"}


def test_other_hours_stay_as_they_were_and_each_measure_is_in_the_catalogue(rows: Sequence[Metric]) -> None:
    names = ("measure", "event_type", "subject", "hour", "value", "detail")
    measured = {NINE, NINE - 2 * HOUR}
    assert {m for m in rows if m.hour not in measured} == {
        Metric(**{name: row[name] for name in names}) for row in HISTORY if row["hour"] not in measured
    }
    assert {m.measure for m in rows} | {"freshness", "unlisted_fields", "vanished_field"} == set(catalogue.MEASURES)
    for m in rows:
        about = catalogue.MEASURES[m.measure]
        assert about.of_all if m.event_type is None else about.of_types
        assert about.subject if m.subject else (about.is_also_whole or not about.subject)


def test_measuring_commits_once_with_its_note(spark: SparkSession, lake: Settings) -> None:
    history = spark.sql(f"DESCRIBE HISTORY delta.`{layout.METRICS.path(lake.lake.root)}` LIMIT 2").collect()
    assert [row.userMetadata for row in history] == ["again", None]


def test_the_newest_measures_are_held_to_the_rules(spark: SparkSession, lake: Settings) -> None:
    rules = [
        Rule(measure="quarantined", max=0.2),
        Rule(measure="vanished_type", event_type="*", max=0),
        Rule(measure="freshness", max=60),
        Rule(measure="contract_violations", event_type="*", subject="*", max=0, min_events=2),
    ]
    checked = check_quality(spark, lake, rules, now=lambda: NINE + HOUR / 2 + timedelta(seconds=180))
    lines = [
        "quarantined, all types, 2026-11-20T09:00Z: 0.25 breaks max = 0.2",
        "vanished_type, gone, 2026-11-20T09:00Z: 20 breaks max = 0 (0 events, usually 20 (median of 4 weeks))",
        "freshness, all types, 2026-11-20T09:00Z: 90 breaks max = 60",
    ]
    assert checked.as_text().splitlines() == lines
    with pytest.raises(QualityError) as refused:
        checked.refuse_breaches()
    assert str(refused.value) == f"{lines[0]} (and 2 more)"
    assert refused.value.exit_code == 5
    kept = check_quality(spark, lake, rules[3:], now=lambda: NINE)
    kept.refuse_breaches()
    assert kept.as_text() == "1 rules, measures up to 2026-11-20T09:00Z: all keep to them"


def test_a_lake_without_measures_is_told_what_makes_them(spark: SparkSession, root: str) -> None:
    settings = Settings(source=Source(stream="events"), lake=Lake(root=root))
    with pytest.raises(UserError, match="has no measures in quality/metrics: run build_staging first"):
        check_quality(spark, settings, [Rule(measure="events", min=1)])
