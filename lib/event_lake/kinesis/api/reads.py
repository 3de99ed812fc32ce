"""The calls to Kinesis that reading a stream needs, their answers, and the refusals after which a reader can go on."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from event_lake.kinesis.offsets import After, At, Summary, TrimHorizon
from event_lake.kinesis.shards import Shard


class IteratorExpiredError(Exception):
    """The iterator is older than 5 minutes, which is all that it lives: the reader needs a new one."""


class ShardGoneError(Exception):
    """Kinesis doesn't know the shard, or doesn't know it any more."""


@dataclass(frozen=True)
class Page:
    """One GetRecords answer: a column for each field of the records, all of one length, in sequence order.

    `arrived` has the records' arrival times in seconds since 1970. `millis_behind` is MillisBehindLatest, Kinesis' own
    measure of the distance to the tip, which is the end of what the shard holds now. `next_iterator` is None once a
    closed shard is read to its end.
    """

    sequence_numbers: Sequence[str]
    arrived: Sequence[float]
    partition_keys: Sequence[str]
    data: Sequence[bytes]
    next_iterator: str | None
    millis_behind: int

    @property
    def at_tip(self) -> bool:
        """True if the shard is known to have held nothing after this answer when Kinesis gave it.

        Only an answer without records shows that, or the end of a closed shard. One with records may end among records
        of the same millisecond, and MillisBehindLatest, a distance in time, may then be 0 although there are more.
        """
        return self.next_iterator is None or (self.millis_behind == 0 and not self.sequence_numbers)

    def part(self, begin: int, end: int | None = None) -> "Page":
        """Return the same answer with only the records of the slice from `begin` to `end`."""
        return replace(
            self,
            sequence_numbers=self.sequence_numbers[begin:end],
            arrived=self.arrived[begin:end],
            partition_keys=self.partition_keys[begin:end],
            data=self.data[begin:end],
        )


class Reads(Protocol):
    """The calls to one stream that reading needs. `client.KinesisClient` makes them."""

    def now(self) -> datetime:
        """Return the time by Kinesis' own clock (UTC)."""

    def pause(self, seconds: float) -> None:
        """Wait before the next call."""

    def summary(self) -> Summary:
        """Return when the stream was made, and how long it keeps a record. Raise StreamNotFoundError if it's gone."""

    def list_shards(self) -> Sequence[Shard]:
        """Return all shards that still hold records or take them."""

    def iterator(self, shard_id: str, position: TrimHorizon | At | After, *, inclusive: bool = False) -> str:
        """Return an iterator to the first record after `position`. If `inclusive`, an After's leads to its own record.

        Raise ShardGoneError if Kinesis doesn't know the shard.
        """

    def get_records(self, iterator: str, limit: int = ...) -> Page:
        """Return up to `limit` records. Raise IteratorExpiredError if the iterator has expired."""
