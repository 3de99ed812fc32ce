"""What is known of a stream as a whole, asked for no more often than needed."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from event_lake.kinesis.api.reads import Reads
from event_lake.kinesis.offsets import Position, Summary
from event_lake.kinesis.shards import Lineage

# How often the stream is asked whether it's still the one that was read, and for how long it keeps records.
_LOOK_AGAIN = timedelta(minutes=5)
# An answer of ListShards that lacks shards which must exist is old: the next may have them.
_LIST_AGAIN = timedelta(seconds=1)


class Topology:
    """A stream's summary and the lineage of its shards.

    Costs one ListShards and one DescribeStreamSummary in 5 minutes, and a ListShards a second at most where a shard is
    found closed, or a closed shard's children aren't in it. Their limits are 1,000 a second for each stream, and 20 for
    each account.
    Source: Kinesis API reference, ListShards and DescribeStreamSummary.
    """

    def __init__(self, reads: Reads) -> None:
        self._reads = reads
        self._looked: datetime | None = None
        self._listed: datetime | None = None

    def look(self) -> None:
        """Ask the stream again, where the last answers are old. Raises StreamNotFoundError."""
        if self._looked is None or self._reads.now() - self._looked >= _LOOK_AGAIN:
            # Any answer tells the time: before the first, `now` would have to ask for one of its own.
            self.summary: Summary = self._reads.summary()
            self._looked = self._reads.now()
            self._list()

    def grown(
        self, positions: Mapping[str, Position], *, after_a_close: bool = False, at_once: bool = False
    ) -> dict[str, Position]:
        """`positions` with the shards that there are now, as `Lineage.grown` says.

        `after_a_close`: a shard was found closed just now, so there are others since. `at_once`: don't wait for a
        second to go by since the last listing, if shards must exist that it lacks.
        """
        assert self._listed is not None, "look() comes first"
        grown = self.lineage.grown(positions)
        is_old = after_a_close or self.lineage.lacks_children(grown)
        if is_old and (at_once or self._reads.now() - self._listed >= _LIST_AGAIN):
            self._list()
            grown = self.lineage.grown(positions)
        return grown

    def _list(self) -> None:
        self._listed = self._reads.now()
        self.lineage = Lineage(self._reads.list_shards())
