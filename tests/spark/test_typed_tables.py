"""Typed tables: made, evolved and written, each event in exactly one place."""

import json
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from event_lake.contracts.contract import Column, Contract
from event_lake.errors import UserError
from event_lake.lake import layout, tables
from event_lake.staging import typed_tables
from support.staged_events import NOON, Event, a_contract, frame

SCORE = Column(name="score", type="int", required=True)
ODD = "-a.b_c+@~!$,()"


class Lake:
    """A lake with typed tables, and what is in them."""

    def __init__(self, spark: SparkSession, root: str, *contracts: Contract) -> None:
        self._spark = spark
        self.root = root
        self.contracts = {contract.event_type: contract for contract in contracts}
        tables.create(spark, root, [layout.REJECTED])

    def has(self, *contracts: Contract) -> None:
        self.contracts = {contract.event_type: contract for contract in contracts}

    def prepare(self) -> None:
        typed_tables.prepare_tables(self._spark, self.root, self.contracts)

    def append(self, *events: Event) -> None:
        typed_tables.append_fresh(frame(self._spark, events), self.root, self.contracts)

    def append_again(self, *events: Event) -> None:
        rows = frame(self._spark, events)
        dates = {row.date for row in rows.select("date").collect()}
        typed_tables.append_fresh(rows, self.root, self.contracts, maybe_there=dates)

    def replace(self, *events: Event) -> None:
        typed_tables.replace_events(frame(self._spark, events), self.root, self.contracts)

    def rebuild(self, first: int, last: int, *events: Event) -> None:
        days = (NOON.date() + timedelta(days=first), NOON.date() + timedelta(days=last))
        typed_tables.replace_dates(frame(self._spark, events), self.root, self.contracts, *days)

    def changes(self) -> list[str]:
        return typed_tables.describe_changes(self._spark, self.root, self.contracts)

    def scores(self, event_type: str = "lesson") -> list[tuple[str, Any]]:
        rows = tables.read(self._spark, self.root, typed_tables.table_of(self.contracts[event_type])).collect()
        return sorted((row.event_uuid, row.score) for row in rows)

    def rejected(self) -> list[tuple[str, str, list[tuple[str, str]]]]:
        rows = tables.read(self._spark, self.root, layout.REJECTED).collect()
        return sorted((row.event_uuid, row.event_type, [tuple(one) for one in row.reasons]) for row in rows)

    def versions(self, table: layout.Table) -> int:
        return DeltaTable(table.path(self.root)).version()

    def table(self, event_type: str = "lesson") -> layout.Table:
        return typed_tables.table_of(self.contracts[event_type])


def scored(uuid: str, score: Any, name: str = "lesson:done", day: int = 0, **more: Any) -> Event:
    return Event(uuid=uuid, name=name, payload=json.dumps({"score": score}), day=day, **more)


def test_events_go_to_their_types_table_or_to_the_rejected_once(spark: SparkSession, root: str) -> None:
    lake = Lake(spark, root, a_contract(SCORE), a_contract(SCORE, event_type=ODD), a_contract(SCORE, event_type="idle"))
    lake.prepare()
    events = [
        scored("a", 1),
        scored("b", 2, day=1),
        scored("c", "3"),
        scored("d", 4, name=ODD),
        scored("e", None, name=f"{ODD}:x", partition="__other__"),
        scored("f", 5, partition="__other__"),
        scored("g", 6, name="nobody:knows"),
    ]
    lake.append(*events)
    for _ in range(2):
        assert lake.scores() == [("a", 1), ("b", 2), ("f", 5)]
        assert lake.scores(ODD) == [("d", 4)]
        assert lake.rejected() == [("c", "lesson", [("score", "wrong_type")]), ("e", ODD, [("score", "missing")])]
        lake.append_again(*events)
    assert lake.versions(lake.table("idle")) == 0
    before = lake.versions(layout.REJECTED)
    lake.append(scored("h", 7))
    assert lake.scores()[-1] == ("h", 7)
    assert lake.versions(layout.REJECTED) == before


def test_only_the_types_that_have_contracts_are_counted(spark: SparkSession) -> None:
    others = [scored(str(number), 1, name=f"type{number}:x") for number in range(3)]
    events = frame(spark, [scored("a", 1), scored("b", 2, partition="__other__"), *others])
    assert typed_tables.count_types(events, ["lesson", "quiz"]).collect() == [("lesson", 2)]


def test_a_crash_before_the_rejected_were_written_is_made_good_by_a_repetition(spark: SparkSession, root: str) -> None:
    lake = Lake(spark, root, a_contract(SCORE), a_contract(SCORE, event_type="quiz"))
    lake.prepare()
    away = Path(layout.REJECTED.path(root))
    away.rename(f"{away}.away")
    events = [scored("a", 1), scored("b", "x"), scored("c", 2, "quiz"), scored("d", "y", "quiz")]
    with pytest.raises(Exception, match="staging/rejected"):
        lake.append(*events)
    Path(f"{away}.away").rename(away)
    lake.append_again(*events)
    assert (lake.scores(), lake.scores("quiz")) == ([("a", 1)], [("c", 2)])
    assert [uuid for uuid, _, _ in lake.rejected()] == ["b", "d"]


def test_other_versions_take_the_place_of_events_wherever_those_are(spark: SparkSession, root: str) -> None:
    lake = Lake(spark, root, a_contract(SCORE), a_contract(SCORE, event_type="quiz"))
    lake.prepare()
    lake.append(
        scored("a", 1), scored("b", "x"), scored("c", 3), scored("d", 4), scored("a", 5, day=1), scored("a", 6, "quiz")
    )
    for _ in range(2):
        lake.replace(scored("a", "y"), scored("b", 2), scored("c", 33), scored("n", 7))
        assert lake.scores() == [("a", 5), ("b", 2), ("c", 33), ("d", 4), ("n", 7)]
        assert lake.scores("quiz") == [("a", 6)]
        assert lake.rejected() == [("a", "lesson", [("score", "wrong_type")])]


def test_rebuilt_dates_hold_what_was_given_and_others_what_they_held(spark: SparkSession, root: str) -> None:
    lake = Lake(spark, root, a_contract(SCORE), a_contract(SCORE, event_type="quiz"))
    lake.prepare()
    lake.append(*(scored(f"{day}{score}", score, day=day) for day in range(4) for score in (1, "x")))
    lake.append(scored("q", 1, "quiz", day=2))
    for _ in range(2):
        lake.rebuild(1, 2, scored("new", 9, day=1), scored("bad", None, day=2))
        assert lake.scores() == [("01", 1), ("31", 1), ("new", 9)]
        assert lake.scores("quiz") == []
        assert [uuid for uuid, _, _ in lake.rejected()] == ["0x", "3x", "bad"]


def test_a_table_takes_new_columns_wider_types_and_descriptions_and_stays_readable_by_others(
    spark: SparkSession, root: str
) -> None:
    amount = Column(name="amount", type="decimal(5,2)")
    lake = Lake(spark, root, a_contract(SCORE, amount), a_contract(SCORE, event_type="quiz"))
    assert lake.changes() == ["staging/types/lesson: made", "staging/types/quiz: made"]
    lake.prepare()
    assert lake.changes() == []
    old = Event(uuid="old", payload='{"score":1,"amount":2.5}', name="lesson:done")
    lake.append(old, scored("q", 1, "quiz"))
    said = Column(name="score", type="int", description="It's the \\ score.", pii=True)
    wide = (
        Column(name="score", type="bigint", description="Of 100."),
        Column(name="amount", type="decimal(9,3)"),
        Column(name="who", type="string", pii=True),
    )
    lake.has(a_contract(*wide), a_contract(said, Column(name="tags", type="array<string>"), event_type="quiz"))
    assert lake.changes() == [
        "staging/types/lesson: adds who string, null in old rows",
        "staging/types/lesson: widens score from int to bigint",
        "staging/types/lesson: widens amount from decimal(5,2) to decimal(9,3)",
        "staging/types/lesson: describes score anew",
        "staging/types/quiz: adds tags array<string>, null in old rows",
        "staging/types/quiz: describes score anew",
    ]
    before = {name: lake.versions(lake.table(name)) for name in ("lesson", "quiz")}
    lake.prepare()
    assert lake.changes() == []
    assert lake.versions(lake.table()) == before["lesson"] + 1
    assert lake.versions(lake.table("quiz")) == before["quiz"] + 2
    lake.append(Event(uuid="new", payload='{"score":3000000000,"amount":"1.125","who":"u"}', day=1))
    rows = DeltaTable(lake.table().path(root)).to_pyarrow_table().sort_by("event_uuid").to_pylist()
    assert [(row["event_uuid"], row["score"], row["amount"], row["who"]) for row in rows] == [
        ("new", 3_000_000_000, Decimal("1.125"), "u"),
        ("old", 1, Decimal("2.500"), None),
    ]
    columns = spark.read.format("delta").load(lake.table("quiz").path(root)).schema
    assert columns["score"].metadata["comment"] == "It's the \\ score. [personal data]"
    assert DeltaTable(lake.table().path(root)).metadata().partition_columns == ["date"]


def test_nothing_is_changed_if_one_contract_would_lose_values(spark: SparkSession, root: str) -> None:
    lake = Lake(spark, root, a_contract(SCORE, event_type="quiz"))
    lake.prepare()
    text = Column(name="score", type="string")
    lake.has(a_contract(SCORE, event_type="a-new-one"), a_contract(text, event_type="quiz"))
    for act in (lake.prepare, lake.changes):
        with pytest.raises(UserError, match=r"quiz.toml: column score is int in the table, and string can't hold"):
            act()
    assert not tables.exists(spark, root, lake.table("a-new-one"))
