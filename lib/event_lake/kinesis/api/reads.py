"""What reading a stream needs of Kinesis: the calls, their answers, and the refusals that have a way on."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from event_lake.kinesis.offsets import After, At, Summary, TrimHorizon
from event_lake.kinesis.shards import Shard


class IteratorExpiredError(Exception):
    """An iterator lives 5 minutes: a new one is needed."""


class ShardGoneError(Exception):
    """Kinesis doesn't know the shard, or not any more."""


@dataclass(frozen=True)
class Page:
    """One GetRecords answer, a column per field, all of one length, in sequence order.

    `arrived` is in seconds since 1970; `millis_behind` is Kinesis' own measure of the distance to the tip.
    `next_iterator` is None once a closed shard is read to its end.
    """

    sequence_numbers: Sequence[str]
    arrived: Sequence[float]
    partition_keys: Sequence[str]
    data: Sequence[bytes]
    next_iterator: str | None
    millis_behind: int

    @property
    def at_tip(self) -> bool:
        """Whether the shard held nothing behind this answer when it was given.

        Only an answer without records says so, or the end of a closed shard: one with records may end among those of
        one millisecond, which MillisBehindLatest, a distance in time, may not tell apart.
        """
        return self.next_iterator is None or (self.millis_behind == 0 and not self.sequence_numbers)

    def part(self, begin: int, end: int | None = None) -> "Page":
        """The same answer with its records from `begin` up to `end` only, as a slice has them."""
        return replace(
            self,
            sequence_numbers=self.sequence_numbers[begin:end],
            arrived=self.arrived[begin:end],
            partition_keys=self.partition_keys[begin:end],
            data=self.data[begin:end],
        )


class Reads(Protocol):
    """One stream's calls; `client.KinesisClient` has them."""

    def now(self) -> datetime:
        """Kinesis' own clock."""

    def pause(self, seconds: float) -> None:
        """Wait before the next call."""

    def summary(self) -> Summary:
        """When the stream was made, and how long it keeps a record. Raises StreamNotFoundError."""

    def list_shards(self) -> Sequence[Shard]:
        """All shards that still hold records or take them."""

    def iterator(self, shard_id: str, position: TrimHorizon | At | After, *, inclusive: bool = False) -> str:
        """An iterator to the first record behind `position`; `inclusive`: to that of a sequence number itself.

        Raises ShardGoneError.
        """

    def get_records(self, iterator: str, limit: int = ...) -> Page:
        """Up to `limit` records. Raises IteratorExpiredError."""
