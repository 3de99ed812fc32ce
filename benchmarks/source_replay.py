"""Replays streams to measure the source alone: any number of shards in the memory of one, and calls that take time."""

from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice
from random import Random
from time import sleep
from typing import Any

from benchmarks.replay import Body, Replay

RECORD_BYTES = 450
_DISTINCT = 1_000


class Alike(Replay):
    """A replay of `shards` shards with the same records and sequence numbers. A call takes `call_seconds` longer."""

    def __init__(
        self,
        payloads: Iterable[bytes],
        first_arrival: datetime,
        records_per_second: float,
        *,
        shards: int,
        call_seconds: float = 0.0,
    ) -> None:
        super().__init__([payloads], first_arrival, records_per_second)
        (one,) = self._shards.values()
        self._shards = {}
        self._call_seconds = call_seconds
        for index in range(shards):
            shard = copy(one)
            shard.shard_id = f"shardId-{index:012}"
            shard.description = {**one.description, "ShardId": shard.shard_id}
            self._shards[shard.shard_id] = shard

    def answer(self, action: str, request: Mapping[str, Any], now_ms: int) -> Body:
        if self._call_seconds:
            sleep(self._call_seconds)
            now_ms += round(self._call_seconds * 1000)
        return super().answer(action, request, now_ms)


def payloads(count: int) -> Iterator[bytes]:
    """Return `count` payloads of 450 bytes, of which 1,000 differ."""
    rng = Random(0)
    return islice(cycle([rng.randbytes(RECORD_BYTES) for _ in range(_DISTINCT)]), count)


def ago(**time: float) -> datetime:
    """Return the time that long ago, in whole seconds, as times in Kinesis' JSON have no more than milliseconds."""
    return datetime.now(UTC).replace(microsecond=0) - timedelta(**time)
