"""Keeps what is known of a stream as a whole, and asks Kinesis for it no more often than needed."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from event_lake.kinesis.api.reads import Reads
from event_lake.kinesis.offsets import Position, Summary
from event_lake.kinesis.shards import Lineage

# The stream may be deleted and made again, and its retention changed: both are looked up so often.
_LOOK_AGAIN = timedelta(minutes=5)
# An answer of ListShards that lacks shards which must exist is old. A later one may have them.
_LIST_AGAIN = timedelta(seconds=1)


class Topology:
    """A stream's `summary` and the `lineage` of its shards, as of the last `look`.

    Costs one ListShards and one DescribeStreamSummary in 5 minutes. It costs one more ListShards if a shard is found
    closed, or if a closed shard's children aren't listed, but at most one a second. Kinesis allows 1,000 ListShards a
    second for each stream, and 20 DescribeStreamSummary a second for each account.
    Source: Kinesis API reference, ListShards and DescribeStreamSummary.
    """

    def __init__(self, reads: Reads) -> None:
        self._reads = reads
        self._looked: datetime | None = None
        self._listed: datetime | None = None

    def look(self) -> None:
        """Ask Kinesis again if the last answers are 5 minutes old. Raise StreamNotFoundError if the stream is gone."""
        if self._looked is None or self._reads.now() - self._looked >= _LOOK_AGAIN:
            # `summary` comes before `now`, which makes a call of its own if there was no answer before.
            self.summary: Summary = self._reads.summary()
            self._looked = self._reads.now()
            self._list()

    def with_listed_shards(
        self, positions: Mapping[str, Position], *, after_a_close: bool = False, at_once: bool = False
    ) -> dict[str, Position]:
        """Return `positions` with the shards that there are now, as `Lineage.with_listed_shards` does.

        List the shards again if the last listing must be old: because it lacks a closed shard's children, or
        `after_a_close`, which says that a shard was found closed just now. Listings are at least a second apart, unless
        `at_once`.
        """
        assert self._listed is not None, "look() comes first"
        current = self.lineage.with_listed_shards(positions)
        is_old = after_a_close or self.lineage.lacks_children(current)
        if is_old and (at_once or self._reads.now() - self._listed >= _LIST_AGAIN):
            self._list()
            current = self.lineage.with_listed_shards(positions)
        return current

    def _list(self) -> None:
        self._listed = self._reads.now()
        self.lineage = Lineage(self._reads.list_shards())
