"""Spark's own stream, its planner's process and its workers, on a Kinesis that fails: nothing is lost unseen."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pyspark.errors import StreamingQueryException
from pyspark.sql import DataFrame, Row, SparkSession

from event_lake.errors import DataLossError, EventLakeError, UserError, error_in_traceback
from event_lake.kinesis.admission import ADMISSION_CONTROL
from event_lake.kinesis.options import FORMAT
from event_lake.kinesis.source import register_source
from support.fake_shards import FakeShards
from support.faulty_kinesis import RETRYABLE, Fault, FaultyKinesis, Rule, serve
from support.planned_batches import at

A, B, C, D, E = (f"shardId-{n:012}" for n in range(5))
DAY = 24 * 3600.0
# Of a shard's beginning the planner reads one record, to know when that arrived; the rest is for executors.
BEGINNING: Mapping[str, Any] = {"action": "GetRecords", "iterator": "TRIM_HORIZON"}
BY_EXECUTORS = range(1, 10**9)
# The first batch that reads records: by Spark 4.1 the query's first one. Without bounds it takes all there is.
FIRST_BATCH = "1" if ADMISSION_CONTROL else "0"


@dataclass
class Query:
    """One query, maybe run several times on its checkpoint, and all rows of each of its batches."""

    spark: SparkSession
    kinesis: FaultyKinesis
    checkpoint: Path
    batches: dict[int, list[Row]] = field(default_factory=dict)
    planning: list[Mapping[str, int]] = field(default_factory=list)

    def run(self, until: float = float("inf"), **options: str) -> None:
        """Run it until it has read so many records; else what is there."""
        register_source(self.spark)
        all_options = {"streamName": "events", "region": "us-east-1", "endpointUrl": self.kinesis.url, **options}
        rows = self.spark.readStream.format(FORMAT).options(**all_options).load()
        writing = rows.writeStream.foreachBatch(self._collect).option("checkpointLocation", str(self.checkpoint))
        trigger: Any = {"availableNow": True} if until == float("inf") else {"processingTime": "0 seconds"}
        query = writing.trigger(**trigger).start()
        try:
            assert any(query.awaitTermination(0.2) or len(self.records()) >= until for _ in range(300)), "it hangs"
        finally:
            # Spark 4.1 doesn't ask the source what it reports.
            if ADMISSION_CONTROL:
                sources = [source for progress in query.recentProgress for source in progress["sources"]]
                self.planning += [json.loads(source["latestOffset"])["planning"] for source in sources]
            query.stop()

    def refusal(self) -> EventLakeError:
        """Run it until it fails."""
        with pytest.raises(StreamingQueryException) as failed:
            self.run()
        found = error_in_traceback(str(failed.value))
        assert found, failed.value
        return found

    def records(self) -> list[Row]:
        return [row for batch in sorted(self.batches) for row in self.batches[batch] if row.receipt is None]

    def receipts(self) -> list[Row]:
        return [row.receipt for rows in self.batches.values() for row in rows if row.receipt]

    def numbers(self, shard_id: str) -> list[str]:
        return [row.sequenceNumber for row in self.records() if row.shardId == shard_id]

    def batches_of(self, shard_id: str) -> list[int]:
        return [batch for batch, rows in self.batches.items() if any(row.shardId == shard_id for row in rows)]

    def _collect(self, rows: DataFrame, batch_id: int) -> None:
        self.batches[batch_id] = rows.collect()


@pytest.fixture
def query_of(spark: SparkSession, tmp_path: Path):
    return lambda kinesis, name="query": Query(spark, kinesis, tmp_path / name)


def each_tenth(begin: float, end: float) -> Sequence[float]:
    return [begin + n / 10 for n in range(round((end - begin) * 10))]


def one_shard(*, until: float) -> FakeShards:
    """Ten records a second from 100 s on; it's 110 s."""
    shards = FakeShards(A, clock=110, page_size=10)
    shards.put(A, *each_tenth(100, until))
    return shards


def a_resharded_stream(*, clock: float) -> FakeShards:
    """A splits into C and D, B and D merge into E; B has a gap, which takes empty answers."""
    shards = FakeShards(A, B, clock=clock, covers=4, page_size=5, tells_end_late=True)
    shards.put(A, *each_tenth(95, 102))
    shards.put(B, *each_tenth(95, 96), *each_tenth(101, 103.5))
    shards.split(A, 102, C, D)
    shards.merge(B, D, 103.5, E)
    shards.put(C, *each_tenth(102, 105))
    shards.put(D, *each_tenth(102, 103.5))
    shards.put(E, *each_tenth(103.5, 105))
    return shards


def assert_all_is_read_once(query: Query, shards: FakeShards) -> None:
    assert {s: query.numbers(s) for s in shards.shard_ids} == {s: shards.numbers(s) for s in shards.shard_ids}
    for shard_id in shards.shard_ids:
        data = [row.data for row in query.records() if row.shardId == shard_id]
        assert data == [b"%d" % n for n in range(len(data))]
        for parent in shards.ancestors(shard_id):
            ends, begins = max(query.batches_of(parent)), min(query.batches_of(shard_id))
            assert ends < begins or (ends == begins and not ADMISSION_CONTROL), "a child before its parent"


def assert_receipts_balance(query: Query) -> None:
    for rows in query.batches.values():
        receipts = {row.shardId: row.receipt for row in rows if row.receipt}
        assert set(receipts) == {row.shardId for row in rows}
        for shard_id, receipt in receipts.items():
            records = [row for row in rows if row.shardId == shard_id and row.receipt is None]
            assert (receipt.records, receipt.user_records) == (len(records), len(records))
            assert receipt.bytes == sum(len(row.data) for row in records)
            ends = (records[0].sequenceNumber, records[-1].sequenceNumber) if records else (None, None)
            assert (receipt.first_sequence_number, receipt.last_sequence_number) == ends


@pytest.mark.slow
@pytest.mark.parametrize("clock", [100, 110], ids=["while it is resharded", "when all is there"])
def test_a_storm_of_faults_loses_and_repeats_nothing(query_of, clock: float) -> None:
    shards = a_resharded_stream(clock=clock)
    throttling = Rule([Fault.THROTTLED], **BEGINNING, calls=range(0, 10**9, 5))
    with serve(shards, throttling, Rule(RETRYABLE, chance=0.12, seed=5)) as kinesis:
        query = query_of(kinesis)
        count = sum(len(shards.numbers(s)) for s in shards.shard_ids)
        # By Spark 4.1 a run with Trigger.AvailableNow takes only one of these batches.
        is_all_there = shards.last_reshard <= clock and ADMISSION_CONTROL
        query.run(float("inf") if is_all_there else count, maxBatchSeconds="5")
        assert set(kinesis.injected) == set(RETRYABLE), "the storm was too short"
    assert_all_is_read_once(query, shards)
    assert_receipts_balance(query)
    assert {receipt.hole for receipt in query.receipts()} == {None}
    assert sum(receipt.throttled for receipt in query.receipts()) > 0
    if ADMISSION_CONTROL:
        assert max(calls["throttled"] for calls in query.planning) > 0
        assert max(calls["failed"] for calls in query.planning) > 0


def test_half_an_answer_that_looks_whole_is_asked_for_again(query_of) -> None:
    shards, actions = one_shard(until=103), ["DescribeStreamSummary", "ListShards", "GetShardIterator", "GetRecords"]
    with serve(shards, *(Rule([Fault.TRUNCATED], action, calls=[0]) for action in actions)) as kinesis:
        query = query_of(kinesis)
        query.run()
        assert kinesis.injected == {Fault.TRUNCATED: 4}
    assert_all_is_read_once(query, shards)


def test_an_iterator_that_expires_amid_a_range_is_renewed(query_of) -> None:
    shards = one_shard(until=160)
    with serve(shards, Rule(**BEGINNING, calls=[3], passes=301)) as kinesis:
        query = query_of(kinesis)
        query.run()
        assert kinesis.injected == {Fault.EXPIRED: 1}
    read = query.numbers(A)
    assert len(read) > 30
    assert read == shards.numbers(A)[: len(read)]
    assert_receipts_balance(query)


REMEDIES = {
    Fault.DENIED: "; allow kinesis:GetRecords on arn:aws:kinesis:*:*:stream/events",
    Fault.OLD_CREDENTIALS: "; check the credentials and keys in use",
}


@pytest.mark.parametrize(
    ("fault", "calls"),
    [(Fault.DENIED, range(1)), (Fault.DENIED, BY_EXECUTORS), (Fault.OLD_CREDENTIALS, BY_EXECUTORS)],
    ids=["denied to the planner", "denied to executors", "old credentials of executors"],
)
def test_what_the_user_must_mend_stops_the_query_at_once(query_of, fault: Fault, calls: range) -> None:
    with serve(one_shard(until=160), Rule([fault], **BEGINNING, calls=calls)) as kinesis:
        query = query_of(kinesis)
        refused = query.refusal()
        assert kinesis.injected == {fault: 1}
        assert kinesis.calls.total() < 20
    assert (query.checkpoint / "offsets" / FIRST_BATCH).exists() == (calls == BY_EXECUTORS)
    assert type(refused) is UserError
    assert str(refused).startswith(f"stream 'events': GetRecords: {fault.value}: ")
    assert str(refused).endswith(REMEDIES[fault])


@pytest.mark.parametrize("resharded", [[], [C, D]], ids=["expired", "gone with their shard"])
def test_records_that_nobody_read_stop_the_query_or_leave_a_hole(query_of, resharded: list[str]) -> None:
    shards = one_shard(until=103)
    with serve(shards) as kinesis:
        query = query_of(kinesis)
        query.run()
        read = shards.numbers(A)
        shards.put(A, *each_tenth(210, 212))
        if resharded:
            shards.split(A, 220, *resharded)
        kinesis.pass_time(DAY + 1000)
        shards.put([A, *resharded][-1], *each_tenth(DAY + 1100, DAY + 1103))
        refused = query.refusal()
        assert type(refused) is DataLossError
        why = f"shard {A} is gone, which was read up to" if resharded else f"records of {A} after"
        assert f"{why} {read[-1]}" in str(refused)
        query.run(failOnDataLoss="false")
    later = shards.numbers(D) if resharded else shards.numbers(A)[50:]
    assert query.numbers(A) + query.numbers(D) == read + later
    assert_receipts_balance(query)
    [hole] = [receipt for receipt in query.receipts() if receipt.hole]
    assert f"{A} after {read[-1]}" in hole.hole
    # By Spark 4.1 a hole isn't a batch of its own: its receipt counts what is left behind it, too.
    assert hole.records == (0 if ADMISSION_CONTROL or resharded else len(later))


def test_a_retention_that_was_shorter_while_the_query_was_stopped_hides_no_loss(query_of) -> None:
    shards = one_shard(until=103)
    with serve(shards) as kinesis:
        query = query_of(kinesis)
        query.run()
        read = shards.numbers(A)
        shards.put(A, *each_tenth(210, 212))
        shards.trim(A, len(read) + 15)
        kinesis.pass_time(1000)
        refused = query.refusal()
        assert type(refused) is DataLossError
        assert f"records of {A} after {read[-1]} may have expired unread" in str(refused)
        query.run(failOnDataLoss="false")
    assert query.numbers(A) == read + shards.numbers(A)[len(read) + 15 :]
    assert_receipts_balance(query)
    [hole] = [receipt for receipt in query.receipts() if receipt.hole]
    assert hole.records == (0 if ADMISSION_CONTROL else len(query.numbers(A)) - len(read))


def test_an_idle_shard_whose_last_record_expired_as_usual_is_no_loss_to_a_query_that_starts_again(query_of) -> None:
    shards = one_shard(until=103)
    shards.split(A, 104, B, C)
    shards.put(B, 105)
    shards.put(C, 106, 40_000, 80_000)
    with serve(shards) as kinesis:
        query = query_of(kinesis)
        for _ in range(2):
            query.run()
            kinesis.pass_time(50_000)
        query.run()
    assert shards.now() - shards.summary().retention > at(105).time
    assert_all_is_read_once(query, shards)


def test_records_that_expire_once_their_batch_is_planned_are_missed(query_of) -> None:
    shards = one_shard(until=160)
    with serve(shards, Rule(**BEGINNING, calls=[3], passes=2 * DAY)) as kinesis:
        query = query_of(kinesis)
        refused = query.refusal()
    assert type(refused) is DataLossError
    assert f"records of {A} after {shards.numbers(A)[19]} expired before they were read" in str(refused)


def test_a_stream_that_was_made_again_or_is_gone_is_a_loss_to_those_who_read_it(query_of) -> None:
    shards = one_shard(until=103)
    with serve(shards) as kinesis:
        query = query_of(kinesis)
        query.run()
        read = shards.numbers(A)
        shards.make_again(210)
        shards.put(A, *each_tenth(211, 216))
        kinesis.pass_time(200)
        another = query.refusal()
        shards.exists = False
        none, unknown = query.refusal(), query_of(kinesis, "new").refusal()
    assert (type(another), type(none)) == (DataLossError, DataLossError)
    assert "the stream was deleted and made again at 2026-11-21T00:03:30+00:00" in str(another)
    assert f"{A} {read[-1]} is gone" in str(another)
    assert "Stream events under account" in str(none)
    assert f"it was read up to {A} {read[-1]}: what came after them is gone" in str(none)
    assert query.numbers(A) == read
    assert isinstance(unknown, UserError)
