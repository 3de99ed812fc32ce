"""Losses that were found stay found until somebody acknowledges them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession

from event_lake.errors import DataLossError, UserError
from event_lake.lake import layout
from event_lake.lake.checkpoints import Checkpoint, PlannedBatch, Unchecked
from event_lake.lake.ledger import Totals, Written
from event_lake.raw.findings import (
    Finding,
    Kind,
    acknowledge,
    find_standing,
    keep_finding,
    read_findings,
    refuse_standing,
)
from event_lake.raw.kept_checks import KeptChecks, settle_findings
from event_lake.raw.running import Checks, run_to_end
from support.empty_tables import make_empty
from support.followed_streams import Lines

NINE = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


@pytest.fixture
def lake(spark: SparkSession, root: str) -> str:
    make_empty(spark, root, [layout.FINDINGS])
    return root


@pytest.fixture
def checkpoint(spark: SparkSession, tmp_path: Path) -> Checkpoint:
    return Checkpoint(spark, str(tmp_path / "checkpoint"))


def kept(spark: SparkSession, root: str, checkpoint: Checkpoint, first_batch: int = 0) -> KeptChecks:
    return KeptChecks(spark, root, checkpoint, first_batch=first_batch)


def acknowledged(spark: SparkSession, root: str, *batches: int, by: str = "ada") -> None:
    acknowledge(spark, root, find_standing(read_findings(spark, root), batches), by)


def in_short(found: list[Finding]) -> list[tuple[int, str, str | None]]:
    return [(finding.batch_id, finding.kind, finding.acknowledged_by) for finding in found]


def test_a_lake_of_an_older_version_has_no_findings(spark: SparkSession, root: str) -> None:
    assert read_findings(spark, root) == []


def test_a_finding_stands_until_it_is_acknowledged(spark: SparkSession, lake: str) -> None:
    before = datetime.now(UTC) - timedelta(microseconds=1)
    keep_finding(spark, lake, 7, Kind.LOST, "batch 7: 1 records vanished")
    keep_finding(spark, lake, 8, Kind.LATE, "batch 8: late")
    with pytest.raises(DataLossError, match=r"batch 7: 1 records vanished \(and 1 more\); no batch is begun until"):
        refuse_standing(read_findings(spark, lake))
    acknowledged(spark, lake, 7, by="ada on host")
    with pytest.raises(DataLossError, match=r"batch 8: late; .* ingest_raw --acknowledge 8, given once"):
        refuse_standing(read_findings(spark, lake))
    acknowledged(spark, lake, 8, by="ada on host")
    found = read_findings(spark, lake)
    refuse_standing(found)
    assert in_short(found) == [(7, "lost", "ada on host"), (8, "late", "ada on host")]
    assert all(f.acknowledged_at and before < f.found_at < f.acknowledged_at < datetime.now(UTC) for f in found)


def test_the_same_batch_may_lose_something_again(spark: SparkSession, lake: str) -> None:
    keep_finding(spark, lake, 7, Kind.LATE, "batch 7: late")
    acknowledged(spark, lake, 7)
    keep_finding(spark, lake, 7, Kind.LATE, "batch 7: late")
    assert in_short(read_findings(spark, lake)) == [(7, "late", "ada"), (7, "late", None)]


@pytest.mark.parametrize("there", [True, False])
def test_only_a_finding_that_stands_can_be_acknowledged(spark: SparkSession, lake: str, *, there: bool) -> None:
    keep_finding(spark, lake, 6, Kind.UNCHECKED, "batch 6 was never held against the state store")
    if there:
        keep_finding(spark, lake, 7, Kind.LOST, "batch 7: 1 records vanished")
    with pytest.raises(UserError) as refused:
        acknowledged(spark, lake, 7, 6)
    batches = "7" if there else "none"
    assert str(refused.value) == f"--acknowledge 6: no finding stands in this batch; batches with one: {batches}"
    assert in_short(read_findings(spark, lake))[1:] == ([(7, "lost", None)] if there else [])


def losing(lines: Lines) -> Callable[[DataFrame, int], Written]:
    def write(rows: DataFrame, batch_id: int) -> Written:
        lines.write(rows, batch_id)
        return Written(totals=Totals(read=2, raw=1, duplicates=1) if batch_id == 1 else Totals(read=1, raw=1))

    return write


def test_a_batch_that_lost_records_lets_no_run_begin_another(
    spark: SparkSession, lake: str, tmp_path: Path, checkpoint: Checkpoint
) -> None:
    lines = Lines(spark, tmp_path)
    lines.put(*"abc")
    with pytest.raises(DataLossError, match=r"batch 41: .* 1 records vanished; no batch is begun until"):
        run_to_end(lines.start_all, losing(lines), [], kept(spark, lake, checkpoint, 40))
    assert lines.log("commits") == [0, 1]
    for _ in range(2):
        with pytest.raises(DataLossError, match=r"batch 41: .* 1 records vanished; .* --acknowledge 41"):
            settle_findings(spark, lake, checkpoint, [], "ada")
    assert not settle_findings(spark, lake, checkpoint, [41], "ada")
    assert not settle_findings(spark, lake, checkpoint, [], "ada")
    run_to_end(lines.start_all, lines.write, [], kept(spark, lake, checkpoint, 40))
    assert in_short(read_findings(spark, lake)) == [(41, "lost", "ada")]
    assert checkpoint.unchecked is None


class Dying(Checks):
    """Notes what is to be checked, and is killed before it is."""

    def __init__(self, kept: KeptChecks, *, by_the_commit: bool) -> None:
        super().__init__()
        self._kept = kept
        self._by_the_commit = by_the_commit

    def note_written(self, batch_id: int) -> None:
        self._kept.note_written(batch_id)
        if self._by_the_commit:
            raise OSError("killed")

    def note_passed(self) -> None:
        raise OSError("killed")


@pytest.mark.parametrize("by_the_commit", [True, False])
def test_a_kill_before_the_check_leaves_an_unchecked_batch_unless_it_is_repeated(
    spark: SparkSession, lake: str, tmp_path: Path, checkpoint: Checkpoint, *, by_the_commit: bool
) -> None:
    lines = Lines(spark, tmp_path)
    lines.put("a")
    with pytest.raises(Exception, match="killed"):
        run_to_end(lines.start_all, lines.write, [], Dying(kept(spark, lake, checkpoint), by_the_commit=by_the_commit))
    assert checkpoint.unchecked == Unchecked(0, 0)
    assert not settle_findings(spark, lake, checkpoint, [], "ada")
    found = read_findings(spark, lake)
    assert in_short(found) == ([] if by_the_commit else [(0, "unchecked", None)])
    assert [str(finding) for finding in found] == (
        [] if by_the_commit else ["batch 0 was never held against the state store's count: its job ended before that"]
    )
    assert checkpoint.unchecked is None


def test_a_batch_whose_progress_spark_has_forgotten_is_kept_as_unchecked(
    spark: SparkSession, lake: str, tmp_path: Path, checkpoint: Checkpoint
) -> None:
    lines = Lines(spark, tmp_path)
    lines.put(*"ab")
    spark.conf.set("spark.sql.streaming.numRecentProgressUpdates", 1)
    try:
        run_to_end(lines.start_all, lines.write, [], kept(spark, lake, checkpoint))
    finally:
        spark.conf.unset("spark.sql.streaming.numRecentProgressUpdates")
    assert in_short(read_findings(spark, lake)) == [(0, "unchecked", None)]


def test_a_late_batch_is_found_once_and_its_acknowledgement_asks_for_a_new_checkpoint(
    spark: SparkSession, lake: str, checkpoint: Checkpoint
) -> None:
    checks = kept(spark, lake, checkpoint, 40)
    before = PlannedBatch(NINE, NINE, None)
    checks.refuse_late(41, PlannedBatch(NINE + timedelta(milliseconds=1), NINE, None), before)
    with pytest.raises(DataLossError, match=r"batch 41: its clock, 2026-11-21T09:00:00\+00:00, isn't later than the"):
        checks.refuse_late(41, PlannedBatch(NINE, NINE, None), before)
    with pytest.raises(DataLossError, match=r"batch 41: its clock, .*; no batch is begun until"):
        settle_findings(spark, lake, checkpoint, [], "ada")
    assert settle_findings(spark, lake, checkpoint, [41], "ada")
    assert checkpoint.is_being_replaced
    assert in_short(read_findings(spark, lake)) == [(41, "late", "ada")]


def test_nothing_changes_where_one_of_the_acknowledged_batches_has_no_finding(
    spark: SparkSession, lake: str, checkpoint: Checkpoint
) -> None:
    keep_finding(spark, lake, 41, Kind.LATE, "batch 41: late")
    with pytest.raises(UserError, match="--acknowledge 40: no finding stands in this batch; batches with one: 41"):
        settle_findings(spark, lake, checkpoint, [41, 40], "ada")
    assert (checkpoint.is_being_replaced, in_short(read_findings(spark, lake))) == (False, [(41, "late", None)])
