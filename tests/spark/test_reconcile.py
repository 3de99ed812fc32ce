"""The proof from the tables: what is right is said to be right, and what is done to it by hand is found and named."""

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from event_lake.config.settings import Lake, Settings, Source
from event_lake.errors import DataLossError, UserError
from event_lake.lake import layout
from event_lake.lake.ledger import LedgerRow
from event_lake.lake.window import Window
from event_lake.raw.findings import Kind, acknowledge, find_standing, keep_finding, read_findings
from event_lake.reconciliation.reconcile import reconcile
from event_lake.reconciliation.rules import Check, check_ledger_row
from event_lake.reconciliation.screening import find_doubtful
from event_lake.reconciliation.verdict import Comparison, Verdict
from support.empty_tables import make_empty
from support.ledger_histories import a_start, an_entry, find_faults, histories

NINE = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
BASE = 49590338271490256608559692538361571095921575989136588000
EVERYTHING = Window()
TABLES = (layout.RAW_EVENTS, layout.QUARANTINE, layout.LEDGER)


def ingested(batch: int) -> datetime:
    return NINE + timedelta(minutes=2 * batch)


def number(shard: int, batch: int, record: int) -> str:
    """Of record 0 to 4 in a batch of a shard."""
    return str(BASE + shard * 10**30 + batch * 5 + record)


def entries(batch: int) -> list[LedgerRow]:
    """Of two shards: batch 0 tells where the query began; of 5 records read, 3 are raw, 1 quarantined, 1 a copy."""
    if batch == 0:
        return [a_start("TRIM_HORIZON", batch_id=0), a_start(number(1, 0, 4), batch_id=0, shard_id="shardId-1")]
    return [
        an_entry(
            shard_id=f"shardId-{shard}",
            batch_id=batch,
            start="TRIM_HORIZON" if (shard, batch) == (0, 1) else number(shard, batch - 1, 4),
            first_sequence_number=number(shard, batch, 0),
            last_sequence_number=number(shard, batch, 4),
            read=5,
            raw=3,
        )
        for shard in (0, 1)
    ]


def write(spark: SparkSession, root: str, table: layout.Table, rows: Sequence[dict[str, Any]]) -> None:
    values = [tuple(row.get(name) for name in table.schema.names) for row in rows]
    frame = spark.createDataFrame(values, table.schema).coalesce(1)
    frame.write.format("delta").mode("append").save(table.path(root))


def enter(spark: SparkSession, root: str, rows: Sequence[LedgerRow]) -> None:
    """Ledger rows of batches that read all that had arrived half a minute before."""
    times = [ingested(row.batch_id) for row in rows]
    when = [{"ingested_at": at, "date": at.date(), "read_until": at - timedelta(seconds=30)} for at in times]
    write(spark, root, layout.LEDGER, [{**asdict(row), **known} for row, known in zip(rows, when, strict=True)])


def origins(batch: int, records: Sequence[int]) -> list[dict[str, Any]]:
    """Rows of these records of a batch, of both shards, that arrived in the minute before it."""
    return [
        {
            "stream": "events",
            "shard_id": f"shardId-{shard}",
            "batch_id": batch,
            "sequence_number": number(shard, batch, record),
            "sub_sequence_number": 0,
            "arrived_at": ingested(batch) - timedelta(seconds=50 - record),
            "ingested_at": ingested(batch),
            "date": NINE.date(),
            "event_type": "lesson",
        }
        for shard in (0, 1)
        for record in records
    ]


def write_rows(spark: SparkSession, root: str, batch: int) -> None:
    write(spark, root, layout.RAW_EVENTS, origins(batch, (0, 1, 2)))
    write(spark, root, layout.QUARANTINE, origins(batch, (4,)))


@pytest.fixture(scope="module")
def model(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake of the batches 0 to 4, one every two minutes."""
    folder = tmp_path_factory.mktemp("model") / "lake"
    make_empty(spark, str(folder), TABLES)
    for batch in range(5):
        if batch:
            write_rows(spark, str(folder), batch)
        enter(spark, str(folder), entries(batch))
    return folder


@pytest.fixture
def lake(model: Path, root: str) -> str:
    """A copy of it, to be spoiled."""
    shutil.copytree(model, root)
    return root


def audit(
    spark: SparkSession,
    root: str,
    window: Window = EVERYTHING,
    counter: "Counter | None" = None,
) -> Verdict:
    configured = Settings(source=Source(stream="events"), lake=Lake(root=root))
    return reconcile(spark, configured, window, counter, now=lambda: ingested(30))


def faults_of(verdict: Verdict) -> list[str]:
    return [str(fault) for fault in verdict.faults.first]


def by_check(verdict: Verdict) -> dict[Check, int]:
    return dict(verdict.faults.counts)


def sql(spark: SparkSession, root: str, statement: str) -> None:
    for table in TABLES:
        statement = statement.replace(f"[{table.name}]", f"delta.`{table.path(root)}`")
    spark.sql(statement)


def span(shard: int, batch: int) -> str:
    return f"after {number(shard, batch - 1, 4)} up to {number(shard, batch, 4)}"


def remove(path: str) -> None:
    """Delete a file that Spark names."""
    Path(path.removeprefix("file://").removeprefix("file:")).unlink()


def test_a_lake_as_ingest_raw_writes_it_has_no_fault(spark: SparkSession, model: Path) -> None:
    verdict = audit(spark, str(model))
    assert (faults_of(verdict), verdict.notes) == ([], [])
    counts = [(s.shard_id, s.rows, s.first_batch, s.last_batch, s.read, s.raw, s.quarantined) for s in verdict.shards]
    assert counts == [("shardId-0", 5, 0, 4, 20, 12, 4), ("shardId-1", 5, 0, 4, 20, 12, 4)]
    assert sum(shard.duplicates or 0 for shard in verdict.shards) == 8


def test_compaction_is_no_fault(spark: SparkSession, lake: str) -> None:
    for table in TABLES:
        sql(spark, lake, f"OPTIMIZE [{table.name}]")
    sql(spark, lake, "VACUUM [raw/ledger]")
    assert faults_of(audit(spark, lake)) == []


def test_rows_of_raw_that_are_deleted_repeated_or_changed_are_named(spark: SparkSession, lake: str) -> None:
    sql(spark, lake, f"DELETE FROM [raw/events] WHERE sequence_number = '{number(1, 1, 0)}'")
    of_batch = spark.read.format("delta").load(layout.QUARANTINE.path(lake)).where("batch_id = 2")
    remove(*of_batch.inputFiles())
    write(spark, lake, layout.RAW_EVENTS, origins(3, (1,))[:1])
    moved = f"UPDATE [raw/events] SET sequence_number = '{number(0, 3, 0)}' WHERE sequence_number = "
    sql(spark, lake, f"{moved}'{number(0, 4, 1)}'")
    sql(spark, lake, f"UPDATE [raw/events] SET sequence_number = 'x' WHERE sequence_number = '{number(1, 4, 0)}'")
    assert faults_of(audit(spark, lake)) == [
        f"raw: shardId-1, batch 1, {span(1, 1)}: rows in raw/events: 2; by the ledger: 3",
        f"raw: shardId-0, batch 3, {span(0, 3)}: rows in raw/events: 4; by the ledger: 3",
        f"quarantine: shardId-0, batch 2, {span(0, 2)}: rows in raw/quarantine: 0; by the ledger: 1",
        f"quarantine: shardId-1, batch 2, {span(1, 2)}: rows in raw/quarantine: 0; by the ledger: 1",
        f"outside: shardId-0, batch 4, {span(0, 4)}: a row has the sequence number {number(0, 3, 0)}",
        f"outside: shardId-1, batch 4, {span(1, 4)}: rows without a sequence number: 1",
    ]


def test_ledger_rows_that_are_deleted_leave_a_gap_and_rows_without_a_ledger(spark: SparkSession, lake: str) -> None:
    sql(spark, lake, "DELETE FROM [raw/ledger] WHERE concat(shard_id, ' ', batch_id) IN ('shardId-0 1', 'shardId-1 3')")
    verdict = audit(spark, lake)
    assert by_check(verdict) == {Check.CHAIN: 2, Check.UNKNOWN: 2, Check.CHANGED: 1}
    lost = [f"records {number(shard, batch, 0)} to {number(shard, batch, 4)}" for shard, batch in ((0, 1), (1, 3))]
    gap = f"after {number(1, 2, 4)} up to {number(1, 3, 4)}: gap: batch 2 ended on {number(1, 2, 4)}"
    assert faults_of(verdict)[:4] == [
        f"chain: shardId-0, batch 2, after TRIM_HORIZON up to {number(0, 1, 4)}: gap: batch 0 ended on TRIM_HORIZON",
        f"chain: shardId-1, batch 4, {gap}",
        f"unknown: shardId-0, batch 1, {lost[0]}: raw/events has 3 of its rows, and raw/quarantine 1",
        f"unknown: shardId-1, batch 3, {lost[1]}: raw/events has 3 of its rows, and raw/quarantine 1",
    ]


def test_the_newest_ledger_rows_are_missed_until_they_are_restored(spark: SparkSession, lake: str) -> None:
    sql(spark, lake, "DELETE FROM [raw/ledger] WHERE batch_id = 4")
    verdict = audit(spark, lake)
    [fault] = faults_of(verdict)
    assert fault.startswith("changed: version 6 of raw/ledger: DELETE at 2")
    sql(spark, lake, "RESTORE [raw/ledger] TO VERSION AS OF 5")
    assert faults_of(audit(spark, lake)) == []


def test_the_newest_file_of_the_ledger_is_missed(spark: SparkSession, lake: str) -> None:
    [file] = spark.read.format("delta").load(layout.LEDGER.path(lake)).where("batch_id = 4").inputFiles()
    remove(file)
    assert faults_of(audit(spark, lake)) == ["changed: raw/ledger: 2 of its rows lie in files that are gone"]


def test_only_the_last_batch_may_be_under_way(spark: SparkSession, lake: str) -> None:
    write_rows(spark, lake, 5)
    write_rows(spark, lake, 6)
    verdict = audit(spark, lake)
    assert [(fault.check, fault.shard_id, fault.batch_id) for fault in verdict.faults.first] == [
        (Check.UNKNOWN, "shardId-0", 5),
        (Check.UNKNOWN, "shardId-1", 5),
    ]
    [note] = verdict.notes
    assert note.startswith("batch 6: the ledger doesn't count its 8 rows yet; it's under way, or a crash left it")


def test_a_window_is_held_to_the_row_before_it_and_to_nothing_else(spark: SparkSession, lake: str) -> None:
    sql(spark, lake, "DELETE FROM [raw/events] WHERE batch_id IN (1, 4)")
    sql(spark, lake, f"UPDATE [raw/ledger] SET last_sequence_number = '{BASE + 8}' WHERE batch_id = 1")
    assert by_check(audit(spark, lake, Window(ingested(3), ingested(4)))) == {Check.CHANGED: 1}
    verdict = audit(spark, lake, Window(ingested(2), ingested(4)))
    assert [(fault.check, fault.batch_id) for fault in verdict.faults.first if fault.batch_id] == [
        (Check.CHAIN, 2),
        (Check.CHAIN, 2),
    ]
    assert [(shard.rows, shard.first_batch, shard.last_batch) for shard in verdict.shards] == [(2, 2, 3)] * 2


def test_a_count_that_is_changed_no_longer_balances_and_what_expired_unread_is_lost(
    spark: SparkSession, lake: str
) -> None:
    sql(spark, lake, "UPDATE [raw/ledger] SET duplicates = 0 WHERE batch_id = 2 AND shard_id = 'shardId-0'")
    end, hole = number(1, 4, 4), "shardId-1 after 5: expired before 2026-11-21T09:00:00+00:00"
    enter(spark, lake, [a_start(end, batch_id=5, shard_id="shardId-1", hole=hole)])
    verdict = audit(spark, lake)
    assert by_check(verdict) == {Check.BALANCE: 1, Check.HOLE: 1, Check.CHANGED: 1}
    assert faults_of(verdict)[:2] == [
        f"balance: shardId-0, batch 2, {span(0, 2)}: 5 were read, but there are 3 raw, 1 quarantined, 0 duplicates",
        f"hole: shardId-1, batch 5, after {end} up to {end}: lost: {hole}",
    ]


def test_a_ledger_of_a_newer_version_is_not_called_damaged(spark: SparkSession, root: str) -> None:
    make_empty(spark, root, layout.RAW)
    ledger = layout.LEDGER.path(root)
    spark.sql(f"alter table delta.`{ledger}` set tblproperties ('eventLake.format' = '2')")
    with pytest.raises(UserError, match=r"raw/ledger was written by a newer Event Lake: it has format 2"):
        audit(spark, root)
    # One that an older version made has no number.
    spark.sql(f"alter table delta.`{ledger}` unset tblproperties ('eventLake.format')")
    assert not audit(spark, root).faults


def test_a_lake_without_a_ledger_is_the_users_mistake(spark: SparkSession, root: str) -> None:
    with pytest.raises(UserError, match="has no raw/ledger: run ingest_raw first"):
        audit(spark, root)


def test_a_ledger_without_the_tables_that_it_counts_is_a_loss(spark: SparkSession, lake: str) -> None:
    shutil.rmtree(layout.QUARANTINE.path(lake))
    with pytest.raises(DataLossError, match="has no raw/quarantine, but a ledger of it"):
        audit(spark, lake)


class Counter:
    """CloudWatch, as far as it counts a stream's records: `put` of them in all the time it's asked for."""

    def __init__(self, put: int) -> None:
        self.put = put
        self.asked: list[tuple[str, datetime, datetime]] = []

    def incoming_records(self, stream: str, begin: datetime, end: datetime) -> int:
        self.asked.append((stream, begin, end))
        return self.put


def test_what_was_put_is_compared_with_what_arrived_in_the_same_minutes(spark: SparkSession, lake: str) -> None:
    """Of 5 records of each batch and shard, 4 are in the tables; those of batch 3 came in aggregates."""
    sql(spark, lake, "UPDATE [raw/events] SET sub_sequence_number = 1 WHERE batch_id = 3")
    counter = Counter(20)
    verdict = audit(spark, lake, counter=counter)
    # The first record arrived at 9:01:10, and all was read up to 9:07:30.
    begin, end = NINE + timedelta(minutes=2), NINE + timedelta(minutes=7)
    assert counter.asked == [("events", begin, end)]
    within, around, copies = 8 + 2, 8 + 8 + 2 + 8, 8
    assert verdict.comparison == Comparison(begin=begin, end=end, put=20, least=within, most=around + copies)
    assert faults_of(verdict) == []


def test_more_records_put_than_can_have_been_read_are_missing(spark: SparkSession, model: Path) -> None:
    verdict = audit(spark, str(model), Window(ingested(1), ingested(3)), Counter(33))
    [fault] = verdict.faults.first
    assert fault.place == "arrived from 2026-11-21T09:02:00+00:00 until 2026-11-21T09:06:00+00:00"
    # Those of batches 1 to 3, and the copies that batch 4 dropped may have arrived as early.
    assert fault.what == "33 records were put, and at most 32 read: 1 are missing"


def test_less_than_three_minutes_are_not_compared(spark: SparkSession, model: Path) -> None:
    verdict = audit(spark, str(model), Window(ingested(1), ingested(2)), Counter(0))
    assert verdict.comparison is None
    [note] = verdict.notes
    assert note.startswith("not compared with CloudWatch: ")


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_row_at_fault_is_taken_for_plain(spark: SparkSession, data: st.DataObject) -> None:
    """Each history is a stream of its own, and one of its rows may be spoiled."""
    ledger = [replace(row, stream=str(index)) for index in range(60) for row in data.draw(histories().flatmap(spoiled))]
    rows = [{**asdict(row), "ingested_at": NINE} for row in ledger]
    frame = spark.createDataFrame(
        [tuple(row.get(n) for n in layout.LEDGER.schema.names) for row in rows], layout.LEDGER.schema
    )
    found = [fault for doubt in find_doubtful(frame, Window()) for fault in check_ledger_row(*doubt)]
    expected = [
        fault for index in range(60) for fault in find_faults([row for row in ledger if row.stream == str(index)])
    ]
    assert sorted(map(repr, found)) == sorted(map(repr, expected))


def spoiled(rows: list[LedgerRow]) -> st.SearchStrategy[list[LedgerRow]]:
    if not rows:
        return st.just(rows)
    changes = st.fixed_dictionaries(
        {},
        optional={
            "start": st.none() | st.integers(1, 2_000).map(str) | st.just("TRIM_HORIZON"),
            "first_sequence_number": st.none() | st.integers(1, 2_000).map(str) | st.just("x"),
            "last_sequence_number": st.none() | st.integers(1, 2_000).map(str) | st.just("x"),
            "read": st.none() | st.integers(-1, 60),
            "raw": st.none() | st.sampled_from([-1, 3, 2**63 - 1]),
            "hole": st.just("lost"),
        },
    )
    return st.builds(
        lambda index, change: [replace(row, **change) if i == index else row for i, row in enumerate(rows)],
        st.integers(0, len(rows) - 1),
        changes,
    )


def run(root: str, *flags: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "jobs/reconcile.py", "--config", "conf/local.toml", "--set", f"lake.root={root}", *flags]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_the_job_exits_with_3_and_names_what_is_at_fault(spark: SparkSession, lake: str) -> None:
    sql(spark, lake, f"DELETE FROM [raw/events] WHERE sequence_number = '{number(1, 2, 0)}'")
    done = run(lake, "--json")
    fault = f"raw: shardId-1, batch 2, {span(1, 2)}: rows in raw/events: 2; by the ledger: 3"
    assert (done.returncode, done.stderr.splitlines()[-1]) == (3, f"reconcile.py: DataLossError: {fault}")
    assert [faults_of["batch_id"] for faults_of in json.loads(done.stdout)["faults"]] == [2]


@pytest.mark.slow
def test_the_job_exits_with_0_where_all_is_well(model: Path) -> None:
    done = run(str(model), "--from", "2026-11-21T09:04:00Z", "--to", "2026-11-22")
    assert done.returncode == 0, done.stderr
    assert ["all", "6", "30", "18", "6", "6"] in map(str.split, done.stdout.splitlines())


def test_a_time_that_cannot_be_read_is_one_line_and_exit_code_2() -> None:
    done = run("nowhere", "--from", "yesterday")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith("reconcile.py: ConfigError: --from = 'yesterday': no time; write it like")


def test_a_finding_is_a_fault_until_it_is_acknowledged_and_a_note_then(spark: SparkSession, lake: str) -> None:
    make_empty(spark, lake, [layout.FINDINGS])
    keep_finding(spark, lake, 1, Kind.LOST, "batch 1: 1 records vanished")
    keep_finding(spark, lake, 2, Kind.UNCHECKED, "batch 2 was never held against the state store's count")
    # Whatever the window: it stands now.
    verdict = audit(spark, lake, Window(begin=ingested(100)))
    [fault] = verdict.faults.first
    assert (fault.check, fault.what) == (
        Check.FINDING,
        "batch 1: 1 records vanished; ingest_raw --acknowledge 1 notes that you know",
    )
    assert list(verdict.notes) == ["batch 2 was never held against the state store's count"]
    acknowledge(spark, lake, find_standing(read_findings(spark, lake), [1]), "ada on host")
    verdict = audit(spark, lake, EVERYTHING)
    assert verdict.faults.first == []
    assert verdict.notes[0].startswith("acknowledged by ada on host at ")
    assert verdict.notes[0].endswith(": batch 1: 1 records vanished")
