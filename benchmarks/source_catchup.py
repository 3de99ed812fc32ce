"""Measures a query that catches up from a day behind, on a simulated clock: its batches, and the largest of them.

Each shard takes all it can, 1,000 records/s, from a day ago until the query has caught up. Both the calls that plan a
batch and the reading of it move the clock. A shard gives 2 MB/s, and two cores read `_CORES_READ` records/s.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil
from time import process_time

from benchmarks.figures import Figures
from benchmarks.source_replay import RECORD_BYTES
from benchmarks.source_session import check
from event_lake.config.settings import Source
from event_lake.kinesis.api.reads import Page
from event_lake.kinesis.offsets import After, At, Offset, Position, Summary, TrimHorizon, last_read
from event_lake.kinesis.planning.ends import MOST_PER_SECOND
from event_lake.kinesis.planning.planner import Bounds, Planner
from event_lake.kinesis.shards import Shard

# With 4 shards max_batch_seconds bounds the batches, with 32 max_batch_records does.
SHARDS = (4, 32)
_T0 = datetime(2026, 11, 21, tzinfo=UTC)
_DAY = 86_400
_CALL_SECONDS = 0.02
# As many calls as the source makes at once.
_SHARDS_AT_ONCE = 16
_SHARD_READS = 2_000_000 / RECORD_BYTES
# The target of source-throughput.
_CORES_READ = 150_000


class _FullShards:
    """`reads.Reads` of shards whose record k arrived k ms after `_T0` and has the sequence number k + 1."""

    def __init__(self, shards: int) -> None:
        self.clock_ms = float(_DAY * 1000)
        self.calls = 0
        self.call_seconds = _CALL_SECONDS / min(_SHARDS_AT_ONCE, shards)
        self._shards = [Shard(f"shardId-{index:012}") for index in range(shards)]

    def now(self) -> datetime:
        return _T0 + timedelta(milliseconds=int(self.clock_ms))

    def pause(self, seconds: float) -> None:
        self.clock_ms += seconds * 1000

    def summary(self) -> Summary:
        self._called()
        return Summary(_T0, timedelta(days=7))

    def list_shards(self) -> Sequence[Shard]:
        self._called()
        return self._shards

    def iterator(self, shard_id: str, position: TrimHorizon | At | After, *, inclusive: bool = False) -> str:
        self._called()
        match position:
            case At(time):
                assert time <= self.now(), "Kinesis refuses times in its future"
                return str(max(0, ceil((time - _T0) / timedelta(milliseconds=1))))
            case After(number):
                return str(int(number) - inclusive)
        return "0"

    def get_records(self, iterator: str, limit: int = 10_000) -> Page:
        self._called()
        start, arrived = int(iterator), int(self.clock_ms) + 1
        end = max(start, min(start + limit, arrived))
        records = range(start, end)
        millis_behind = 0 if end >= arrived else arrived - end
        return Page(
            sequence_numbers=[str(k + 1) for k in records],
            arrived=[_T0.timestamp() + k / 1000 for k in records],
            partition_keys=[""] * len(records),
            data=[b""] * len(records),
            next_iterator=str(end),
            millis_behind=millis_behind,
        )

    def _called(self) -> None:
        self.calls += 1
        self.clock_ms += self.call_seconds * 1000


@dataclass(frozen=True)
class _Batch:
    records: Sequence[int]
    calls: int
    cpu_seconds: float
    caught_up: bool


def catch_up(_: float) -> Figures:
    """Measure with each number of shards, always the full work."""
    return {f"{name}, {shards} shards": value for shards in SHARDS for name, value in _over(shards).items()}


def _over(shards: int) -> Figures:
    stream, defaults = _FullShards(shards), Source(stream="bench")
    assert MOST_PER_SECOND == 1000, "a record a ms"
    bounds = Bounds(time=timedelta(seconds=defaults.max_batch_seconds), records=defaults.max_batch_records)
    planner = Planner(stream)
    offset = planner.beginning(lambda topology: dict.fromkeys(topology.lineage.shard_ids, TrimHorizon()))
    batches: list[_Batch] = []
    while not batches or not batches[-1].caught_up:
        offset, batch = _planned(planner, stream, offset, bounds)
        batches.append(batch)
        slowest_shard = max(batch.records) / _SHARD_READS
        stream.clock_ms += 1000 * max(slowest_shard, sum(batch.records) / _CORES_READ)
    # Sequence numbers begin at 1 without gaps, so a shard's last one is also the count of its records.
    read = sum(sum(batch.records) for batch in batches)
    check("records planned", read, sum(map(_number, offset.shards.values())))
    return {
        "batches": len(batches),
        "records": read,
        "simulated hours": (stream.clock_ms / 1000 - _DAY) / 3600,
        # The time from the first to the last record, which arrive a ms apart.
        "largest batch, s of arrivals": (max(max(batch.records) for batch in batches) - 1) / 1000,
        "largest batch, records": max(sum(batch.records) for batch in batches),
        "API calls/batch/shard": sum(batch.calls for batch in batches) / len(batches) / shards,
        "s/batch, planning (simulated)": sum(batch.calls for batch in batches) * stream.call_seconds / len(batches),
        "CPU s/batch, planning": sum(batch.cpu_seconds for batch in batches) / len(batches),
    }


def _planned(planner: Planner, stream: _FullShards, start: Offset, bounds: Bounds) -> tuple[Offset, _Batch]:
    calls, cpu = stream.calls, process_time()
    there = int(stream.clock_ms)
    end = planner.next_end(start, None, bounds)
    numbers = [_number(end.shards[shard_id]) for shard_id in start.shards]
    return end, _Batch(
        records=[number - _number(start.shards[s]) for s, number in zip(start.shards, numbers, strict=True)],
        calls=stream.calls - calls,
        cpu_seconds=process_time() - cpu,
        # The batch reads all that was there when it was planned.
        caught_up=min(numbers) >= there,
    )


def _number(position: Position) -> int:
    return int(last_read(position) or 0)
