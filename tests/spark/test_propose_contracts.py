"""Proposals hold for events that they weren't made from, and say nothing of those that they were."""

import json
import re
from collections.abc import Iterator, Mapping
from functools import reduce
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from event_lake.config.settings import Lake, Settings, Source
from event_lake.contracts.contract import Contract
from event_lake.contracts.load import load_contracts
from event_lake.contracts.propose import Sampling, count_fields, make_proposals, propose_contracts
from event_lake.errors import ConfigError, UserError
from event_lake.generator.catalog import EVENT_TYPES
from event_lake.lake import layout, tables
from event_lake.lake.schemas import EVENT
from event_lake.lake.window import Dates
from event_lake.staging.typed import KEEPS, select_typed, validated_rows
from support.empty_tables import make_empty
from support.staged_events import NOON, Event, frame, generated

COUNT = 8_000
DAY = NOON.date()


@pytest.fixture(scope="module")
def events() -> list[Event]:
    return generated(COUNT, seed=1)


@pytest.fixture(scope="module")
def others(spark: SparkSession) -> Iterator[DataFrame]:
    rows = frame(spark, generated(COUNT, seed=2)).persist()
    yield rows
    rows.unpersist()


@pytest.fixture(scope="module")
def texts(spark: SparkSession, events: list[Event]) -> dict[str, str]:
    return dict(make_proposals(frame(spark, events), Sampling()))


def rejected(rows: DataFrame, contracts: Mapping[str, Contract]) -> int:
    """How many rows break their type's contract."""
    of_types = (validated_rows(rows.where(F.col("true_event_type") == name), contracts[name]) for name in contracts)
    flag = f"`{KEEPS}`"
    return reduce(DataFrame.union, (judged.select(flag) for judged in of_types)).where(f"not {flag}").count()


@pytest.mark.slow
def test_proposals_for_all_types_accept_the_events_of_another_window(
    spark: SparkSession, texts: dict[str, str], others: DataFrame, tmp_path: Path
) -> None:
    for name, text in texts.items():
        (tmp_path / f"{name}.toml").write_text(text, "utf-8")
    contracts = load_contracts(str(tmp_path))
    assert contracts.keys() == {event_type.name for event_type in EVENT_TYPES}
    types = [(column.type, column.keys) for contract in contracts.values() for column in contract.columns]
    assert ("double", ("score",)) in types
    assert ("bigint", ("attempts",)) in types
    assert ("array<bigint>", ("device", "screen")) in types
    assert rejected(others, contracts) <= COUNT / 1000


def test_the_contracts_in_conf_accept_the_generators_events(others: DataFrame) -> None:
    assert rejected(others, load_contracts("conf/contracts")) == 0


def test_proposals_hold_no_value_of_an_event(texts: dict[str, str], events: list[Event]) -> None:
    names = set(re.findall(r"\w+", " ".join(event.name for event in events)))
    # What a payload says in strings, but for what fields are called, and types too.
    said = {
        value
        for event in events
        for value in re.findall(r':"([^"\\]{4,})"', event.payload)
        if not value.isdigit() and value not in names
    }
    examples = "\n".join(line for text in texts.values() for line in text.splitlines() if line.startswith("# "))
    assert len(said) > COUNT
    assert [value for value in said if value in examples] == []
    assert "like a-999999" in examples


def test_a_proposal_loses_nothing_of_what_was_seen(spark: SparkSession, tmp_path: Path) -> None:
    number = (
        "18446744073709551615",
        "0.12345678901234567890123",
        "1e400",
        "1.00000000000000001e5",
        "0.1234567890123456",
    )
    names = ("uid", "amount", "limit", "odd", "ratio")
    payload = "{" + ",".join(f'"{name}":{text}' for name, text in zip(names, number, strict=True))
    events = [
        Event(uuid=str(at), name="wallet", payload=rf'{payload},"n":{2**53 + at},"cut":"\ud83d{at}"}}')
        for at in range(60)
    ]
    rows = frame(spark, events)
    (tmp_path / "wallet.toml").write_text(make_proposals(rows, Sampling())["wallet"] or "", "utf-8")
    contract = load_contracts(str(tmp_path))["wallet"]
    types = {column.name: column.type for column in contract.columns}
    assert types == dict.fromkeys(["uid", "amount", "limit", "odd", "cut"], "string") | {
        "ratio": "double",
        "n": "bigint",
    }
    assert "null or missing" in (tmp_path / "wallet.toml").read_text("utf-8")
    row = select_typed(rows.where("event_uuid = '7'"), contract).first()
    assert row is not None
    assert [str(row[name]) for name in names] == list(number)
    assert row["n"] == 2**53 + 7


def test_so_many_types_that_nobody_would_read_them_over_are_to_be_named(spark: SparkSession) -> None:
    rows = frame(spark, [Event(uuid=name, name=name, payload='{"x":1}') for name in ("a", "b", "c")])
    with pytest.raises(UserError, match=r"there are more than 2 event types of all dates, .* by --type"):
        make_proposals(rows, Sampling(), most_types=2)
    assert make_proposals(rows, Sampling(types=("a", "b")), most_types=2).keys() == {"a", "b"}


def test_ids_as_keys_are_fields_up_to_a_number(spark: SparkSession) -> None:
    events = [
        Event(
            uuid=str(at), name="map", payload=json.dumps({"a": at, **{f"id-{at}-{number}": 1 for number in range(300)}})
        )
        for at in range(20)
    ]
    found = count_fields(frame(spark, events)).collect()
    assert len(found) == 5_000
    assert ["a"] in [row.path for row in found]


def test_files_are_written_for_the_events_asked_for_and_never_over_others(
    spark: SparkSession, root: str, tmp_path: Path
) -> None:
    settings = Settings(source=Source(stream="events"), lake=Lake(root=root))
    out = tmp_path / "contracts"
    with pytest.raises(UserError, match="has no raw/events: run ingest_raw first"):
        propose_contracts(spark, settings, Sampling(), str(out), force=False)
    make_empty(spark, root, [layout.RAW_EVENTS])
    rows = frame(
        spark,
        [
            Event(uuid="a", name="lesson:done", payload='{"old":1}'),
            Event(uuid="b", name="lesson:done", payload='{"new":1}', day=1),
            Event(uuid="c", name="quiz", payload='{"new":1}', day=1),
            Event(uuid="d", name="_odd", payload='{"new":1}', day=1),
            Event(uuid="e", name="heartbeat", payload='{"event_uuid":"e"}', day=1),
        ],
    ).select(*EVENT.names)
    tables.append_once(rows, root, layout.RAW_EVENTS, writer="raw", batch_id=0)
    first = propose_contracts(spark, settings, Sampling(dates=Dates(last=DAY)), str(out), force=False)
    assert first.written == ["lesson.toml"]
    text = (out / "lesson.toml").read_text("utf-8")
    assert "[columns.old]" in text
    assert "[columns.new]" not in text
    second = propose_contracts(spark, settings, Sampling(), str(out), force=False)
    assert second.written == ["=5Fodd.toml", "quiz.toml"]
    assert second.left_out.keys() == {"heartbeat", "lesson"}
    assert second.left_out["heartbeat"] == "its events have no fields of their own"
    assert (out / "lesson.toml").read_text("utf-8") == text
    forced = propose_contracts(spark, settings, Sampling(types=("lesson",)), str(out), force=True)
    assert forced.written == ["lesson.toml"]
    assert "[columns.new]" in (out / "lesson.toml").read_text("utf-8")
    with pytest.raises(UserError, match="has no event"):
        propose_contracts(spark, settings, Sampling(types=("nobody",)), str(out), force=False)
    with pytest.raises(ConfigError, match="--sample = 0: must be 1"):
        Sampling(most=0)
