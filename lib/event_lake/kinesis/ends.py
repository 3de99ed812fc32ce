"""Where a micro-batch ends: for each shard, the sequence number of a record that exists.

Because the end exists, an executor reads exactly up to it, waits for nothing, and a replay reads the same.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Protocol

from event_lake.errors import DataLossError, UserError
from event_lake.kinesis.client import Page
from event_lake.kinesis.offsets import After, At, Offset, Position, TrimHorizon, instant

# Kinesis' clock is known to a second, and it refuses a timestamp in its future.
TIP_WINDOW = timedelta(seconds=1)
# An iterator lives 5 minutes.
_ITERATOR_LIFE = timedelta(minutes=4)
# What an idle shard's kept iterator asks for: enough to end a small burst with the same call.
_SMALL_PAGE = 1_000


class Reads(Protocol):
    """The calls that planning makes; `client.KinesisClient` has them."""

    def now(self) -> datetime:
        """Kinesis' own clock."""

    def iterator(self, shard_id: str, position: Position) -> str:
        """An iterator to the first record behind `position`."""

    def get_records(self, iterator: str, limit: int = ...) -> Page:
        """Up to `limit` records."""


class Planner:
    """Plans one query's micro-batches. Keeps the iterators of idle shards: make one per query.

    Calls per batch and shard: 2 for a busy shard; 1 for an idle one while triggers are less than 4 minutes apart,
    else 4; some 2 log2(seconds) more for one whose last record is far behind, 2 more for a batch before a gap.
    Source: Kinesis API reference, GetShardIterator (AT_TIMESTAMP) and GetRecords (Limit, MillisBehindLatest).
    """

    def __init__(self, reads: Reads, *, max_batch: timedelta, retention: timedelta) -> None:
        self._reads = reads
        self._max_batch = max_batch
        self._retention = retention
        self._idle: dict[str, tuple[Position, str, datetime]] = {}
        self._quiet: Offset | None = None

    def first_arrival(self, positions: Mapping[str, Position]) -> datetime:
        """When the first record behind any of the shards' `positions` arrived; now where there's none."""
        pages = [self._page(self._reads.iterator(*position), limit=1) for position in positions.items()]
        arrivals = [instant(page.arrived[0]) for page in pages if page.sequence_numbers]
        return min(arrivals, default=self._reads.now())

    def tip(self, start: Offset) -> Offset:
        """The offset behind everything that the stream holds now."""
        now = self._reads.now()
        self.refuse_expired(start, now)
        cut = max(start.cut, now - TIP_WINDOW)
        return Offset({s: self._tip_of(s, position, cut) for s, position in start.shards.items()}, cut)

    def next_end(self, start: Offset, target: Offset | None = None) -> Offset:
        """The end of the batch behind `start`: `max_batch` of arrivals, or all there is where that is less.

        Returns `start` itself where there's nothing new (but for a later cut, four times in the stream's
        retention), and never an offset behind `target`. Raises DataLossError where records behind `start` may
        have expired.
        """
        begin = self._quiet if self._quiet is not None and self._quiet.shards == start.shards else start
        end = self._end_behind(begin, target)
        # Another cut alone is an offset of its own, and Spark runs a batch for it: too much for every trigger, but
        # a query that finds an old cut in its checkpoint couldn't tell an idle stream from expired records.
        if end.shards != start.shards or end.cut - start.cut > self._retention / 4:
            return end
        self._quiet = end
        return start

    def _end_behind(self, start: Offset, target: Offset | None) -> Offset:
        now = self._reads.now()
        self.refuse_expired(start, now)
        last_cut = target.cut if target else now - TIP_WINDOW
        cut = start.cut + self._max_batch
        while cut < last_cut:
            ends, following = self._ends_at(start, cut)
            if following is None:
                return target or Offset(ends, last_cut)
            begins_with_gap = following - cut > TIP_WINDOW and self.first_arrival(start.shards) >= following
            reached = {s: _earlier(end, target.shards[s]) if target else end for s, end in ends.items()}
            if reached != start.shards and not begins_with_gap:
                # Nothing arrived between `cut` and `following`: the next batch begins behind the gap.
                return Offset(reached, min(following, last_cut))
            cut = following + self._max_batch
        return target or self.tip(start)

    def _ends_at(self, start: Offset, cut: datetime) -> tuple[Mapping[str, Position], datetime | None]:
        """Per shard the first record that arrived at or after `cut`, else its last; the first such arrival."""
        ends: dict[str, Position] = {}
        arrivals = []
        for shard_id, position in start.shards.items():
            page = self._page(self._reads.iterator(shard_id, At(_not_before(position, cut))), limit=1)
            if page.sequence_numbers:
                arrivals.append(instant(page.arrived[0]))
                ends[shard_id] = _later(position, After(page.sequence_numbers[0]))
            else:
                ends[shard_id] = self._last_before(shard_id, position, cut)
        return ends, min(arrivals, default=None)

    def _tip_of(self, shard_id: str, start: Position, cut: datetime) -> Position:
        kept = self._idle.pop(shard_id, None)
        if kept and kept[0] == start and self._reads.now() - kept[2] < _ITERATOR_LIFE:
            page = self._page(kept[1], _SMALL_PAGE)
            if page.at_tip:
                return self._ended(shard_id, start, page)
        page = self._page(self._reads.iterator(shard_id, At(_not_before(start, cut))))
        if not page.sequence_numbers:
            return self._last_before(shard_id, start, cut)
        return _later(start, After(self._walked(page).sequence_numbers[-1]))

    def _last_before(self, shard_id: str, start: Position, cut: datetime) -> Position:
        """The last record of a shard in which nothing arrived since `cut`; `start` where that is it."""
        page = self._page(self._reads.iterator(shard_id, start))
        if page.at_tip:
            return self._ended(shard_id, start, page)
        # Some record lies at or after `low`, none at or after `high`.
        low, high = instant(page.arrived[0]), cut
        while high - low > TIP_WINDOW:
            middle = low + (high - low) / 2
            probed = self._page(self._reads.iterator(shard_id, At(middle)), limit=1)
            if probed.sequence_numbers:
                page, low = probed, middle
            else:
                high = middle
        return After(self._walked(page).sequence_numbers[-1])

    def _walked(self, page: Page) -> Page:
        """The last page with records from `page` on, up to the tip as it is now."""
        enough = self._reads.now() + TIP_WINDOW
        while not page.at_tip and instant(page.arrived[-1]) < enough:
            following = self._page(_iterator_behind(page))
            if not following.sequence_numbers:
                break
            page = following
        return page

    def _page(self, iterator: str, limit: int = 10_000) -> Page:
        """The next answer that has records or is at the tip: Kinesis answers emptily in between."""
        page = self._reads.get_records(iterator, limit)
        while not page.sequence_numbers and not page.at_tip:
            page = self._reads.get_records(_iterator_behind(page), limit)
        return page

    def _ended(self, shard_id: str, start: Position, page: Page) -> Position:
        if page.sequence_numbers:
            return After(page.sequence_numbers[-1])
        self._idle[shard_id] = (start, _iterator_behind(page), self._reads.now())
        return start

    def refuse_expired(self, start: Offset, now: datetime) -> None:
        """Raise DataLossError if records behind `start` may have expired unread."""
        # "earliest" is what a shard still holds: nobody was promised more.
        begun = sorted(s for s, position in start.shards.items() if not isinstance(position, TrimHorizon))
        if begun and start.cut < now - self._retention:
            raise DataLossError(
                f"read up to {start.cut.isoformat()}, but the stream keeps records for {self._retention} only: those"
                f" of {', '.join(begun)} that arrived from then to {(now - self._retention).isoformat()} may have"
                " expired unread; a new lake.root starts afresh"
            )


def _iterator_behind(page: Page) -> str:
    if page.next_iterator is None:
        raise UserError("a shard was closed by a reshard: this version reads streams whose shards stay as they are")
    return page.next_iterator


def _not_before(position: Position, time: datetime) -> datetime:
    return max(position.time, time) if isinstance(position, At) else time


def _later(position: Position, end: After) -> Position:
    return position if isinstance(position, After) and position.reaches(end.sequence_number) else end


def _earlier(end: Position, target: Position) -> Position:
    """The one that comes first; a `target` without a sequence number is where the query began."""
    if isinstance(end, After) and isinstance(target, After) and target.reaches(end.sequence_number):
        return end
    return target
