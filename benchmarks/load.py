"""Make the load that a benchmark replays: micro-batches of the generator's records."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path

from benchmarks.replay import Replay
from event_lake.generator.events import Timeline
from event_lake.generator.sequence import Record, records
from event_lake.generator.truth import Truth
from event_lake.lake.ledger import Totals

SHARDS = 4
# `source.max_batch_seconds` must have this value, so that the query's batches end where a load's batches end.
BATCH_SECONDS = 600


@dataclass(frozen=True, kw_only=True)
class Load:
    """A load of `batches` that are measured, after `warm_up` others that aren't.

    The first of all batches has one record more for each shard, the last one less.
    """

    events_per_batch: int
    batches: int
    warm_up: int

    @property
    def records_per_second(self) -> float:
        """Return the records of each shard per second."""
        return self.events_per_batch / SHARDS / BATCH_SECONDS

    @property
    def records_per_shard(self) -> int:
        return self.events_per_batch * (self.batches + self.warm_up) // SHARDS


def make_replay(load: Load, first_arrival: datetime, truth_file: Path) -> Replay:
    """Return the load as a stream, and write what the lake must make of it to `truth_file`, for `expected_totals`.

    Each shard has a timeline and events of its own. So a copy comes in the shard of its original, as it does where the
    partition key is a field of the event. Takes 25 us a record.
    """
    truth = Truth()
    shards = [_payloads(load, shard, first_arrival, truth) for shard in range(SHARDS)]
    replay = Replay(shards, first_arrival, load.records_per_second)
    truth_file.write_text(json.dumps(truth.outcome()))
    return replay


def expected_totals(truth_file: Path) -> Totals:
    """Return the sums that the ledger must have after a load whose truth is in `truth_file`."""
    truth = json.loads(truth_file.read_text())
    return Totals(
        read=truth["records"],
        raw=truth["raw"],
        quarantined=sum(truth["quarantined"].values()),
        duplicates=truth["duplicates"],
    )


def _payloads(load: Load, shard: int, first_arrival: datetime, truth: Truth) -> Iterator[bytes]:
    start_ms = round(first_arrival.timestamp() * 1000)
    timeline = Timeline(seed=shard, start_ms=start_ms, rate=load.records_per_second)
    # The sequence has copies besides the events, so that so many events make more than enough records.
    sequence = records(timeline, first=0, count=load.records_per_shard)
    for record in _count_records(islice(sequence, load.records_per_shard), truth):
        yield record.data


def _count_records(sequence: Iterable[Record], truth: Truth) -> Iterator[Record]:
    for record in sequence:
        truth.add((record,))
        yield record
