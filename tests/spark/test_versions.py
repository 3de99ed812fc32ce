"""Frames of events in, whole frames out: which of them meet, and what becomes of their versions."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from chispa import assert_df_equality
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import BooleanType, StructType

from event_lake.lake.schemas import CONFLICT, EVENT
from event_lake.staging.versions import (
    POSITION,
    find_shared_keys,
    rank_versions,
    select_conflicts,
    select_inserted,
    select_replaced,
    with_keys,
    without_keys,
)
from support.raw_layers import Event, frame

CHANGE = StructType([*CONFLICT, *StructType().add("refused_at", CONFLICT["kept"].dataType)]).add(
    "is_kept", BooleanType()
)
ONE = Event(says='{"x": 1}', number=9, created=3)
COPY = replace(ONE, says='{"x":1}', number=10, arrived=2)
TWO = replace(ONE, says='{"x":2}', number=11, arrived=3, created=4)


def test_events_meet_by_uuid_type_and_date(spark: SparkSession) -> None:
    meeting = [Event(uuid="twice"), Event(uuid="twice", number=101), Event(uuid="known")]
    alone = [Event(uuid="new"), Event(uuid="known", event_type="quiz"), Event(uuid="known", day=1)]
    came = frame(spark, [*meeting, *alone])
    keys = find_shared_keys(came, frame(spark, [Event(uuid="known", number=9), Event(uuid="old")]))
    _assert_equal(with_keys(came, keys), frame(spark, meeting))
    _assert_equal(without_keys(came, keys), frame(spark, alone))


@pytest.mark.parametrize(("keep", "kept", "refused"), [("first", ONE, TWO), ("latest", TWO, ONE)])
def test_of_new_versions_one_is_inserted_and_the_other_refused_whatever_their_order(
    spark: SparkSession, keep: str, kept: Event, refused: Event
) -> None:
    for came in ([ONE, COPY, TWO], [TWO, COPY, ONE]):
        ranked = rank_versions(frame(spark, came), frame(spark, []), _conflicts(spark, []), keep)
        _assert_equal(select_inserted(ranked), frame(spark, [kept]))
        _assert_equal(select_replaced(ranked), frame(spark, []))
        _assert_equal(select_conflicts(ranked), _changes(spark, [(refused, kept, None, False)]))


def test_a_copy_of_what_is_staged_or_refused_changes_nothing(spark: SparkSession) -> None:
    came = frame(spark, [COPY, replace(TWO, number=12, arrived=9)])
    ranked = rank_versions(came, frame(spark, [ONE]), _conflicts(spark, [(TWO, ONE)]), "first")
    _assert_equal(select_inserted(ranked), frame(spark, []))
    _assert_equal(select_replaced(ranked), frame(spark, []))
    _assert_equal(select_conflicts(ranked), _changes(spark, []))


def test_a_refused_version_that_turns_out_to_be_the_first_changes_places_with_the_staged_one(
    spark: SparkSession,
) -> None:
    earlier = replace(TWO, number=1, arrived=0)
    ranked = rank_versions(frame(spark, [earlier]), frame(spark, [ONE]), _conflicts(spark, [(TWO, ONE)]), "first")
    _assert_equal(select_inserted(ranked), frame(spark, []))
    _assert_equal(select_replaced(ranked), frame(spark, [earlier]))
    _assert_equal(
        select_conflicts(ranked), _changes(spark, [(ONE, earlier, None, False), (earlier, earlier, TWO, True)])
    )


def _assert_equal(found: DataFrame, wanted: DataFrame) -> None:
    assert_df_equality(found, wanted, ignore_row_order=True, ignore_nullable=True)


def _conflicts(spark: SparkSession, of: Sequence[tuple[Event, Event]]) -> DataFrame:
    """Rows of staging/conflicts: a version, and the one that is kept."""
    return spark.createDataFrame([(*event.row(), _position(kept)) for event, kept in of], CONFLICT).coalesce(1)


def _changes(spark: SparkSession, of: Sequence[tuple[Event, Event, Event | None, bool]]) -> DataFrame:
    """Rows of `conflicts`: a version, the one that is kept, where it was refused, and whether it's kept itself."""
    rows = [(*event.row(), _position(kept), was and _position(was), is_kept) for event, kept, was, is_kept in of]
    return spark.createDataFrame(rows, CHANGE).coalesce(1)


def _position(event: Event) -> tuple[object, ...]:
    values = dict(zip(EVENT.names, event.row(), strict=True))
    return tuple(values[name] for name in POSITION)
