"""Where one shard's part of a micro-batch ends: at a record that exists, found by probes.

Because the end exists, an executor reads exactly up to it, waits for nothing, and a replay reads the same.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from event_lake.kinesis.api.cursor import Cursor
from event_lake.kinesis.api.reads import Page, Reads
from event_lake.kinesis.offsets import (
    After,
    At,
    Closed,
    Position,
    TrimHorizon,
    arrival_of,
    instant_of_seconds,
    last_read,
)

# Kinesis' clock is known to a second, and it refuses a timestamp in its future.
TIP_WINDOW = timedelta(seconds=1)
# An iterator lives 5 minutes.
_ITERATOR_LIFE = timedelta(minutes=4)
# A shard takes 1,000 records a second: https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html
MOST_PER_SECOND = 1_000
# Kinesis API reference, GetRecords: the most that one answer holds.
_LARGEST_PAGE = 10_000
# What an idle shard's kept iterator asks for: enough to end a small burst with the same call.
_SMALL_PAGE = 1_000

Open = TrimHorizon | At | After


@dataclass(frozen=True)
class End:
    """Where a range ends; `arrived`: when its last record did, if that was at or after the cut asked for."""

    position: Position
    arrived: datetime | None = None


@dataclass(frozen=True)
class _Idle:
    position: Open
    cursor: Cursor
    asked: datetime


class Ends:
    """Finds ends of shards, one at a time. Keeps the iterators of idle ones: make one per query.

    No end lies before the start that it's asked for. `millis_behind` is each shard's distance to the tip as last seen.
    """

    def __init__(self, reads: Reads) -> None:
        self._reads = reads
        self._idle: dict[str, _Idle] = {}
        self.millis_behind: dict[str, int] = {}

    def first_arrival(self, shard_id: str, position: Open) -> datetime | None:
        """When the first record behind `position` arrived, if there's one."""
        page = Cursor(self._reads, shard_id, position).records(limit=1)
        return instant_of_seconds(page.arrived[0]) if page.sequence_numbers else None

    def at(self, shard_id: str, start: Open, cut: datetime) -> End:
        """The first record that arrived at or after `cut`, else the shard's last."""
        probe = Cursor(self._reads, shard_id, At(_not_before(start, cut)))
        page = probe.records(limit=1)
        if not page.sequence_numbers:
            return End(self._last_before(shard_id, start, cut))
        self.millis_behind[shard_id] = page.millis_behind
        arrived = instant_of_seconds(page.arrived[0])
        return End(_later(start, After(page.sequence_numbers[0], arrived)), arrived)

    def tip(self, shard_id: str, start: Open, cut: datetime) -> End:
        """The last record that the shard holds now; `cut` is a time shortly before."""
        kept = self._idle.pop(shard_id, None)
        if kept and kept.position == start and self._reads.now() - kept.asked < _ITERATOR_LIFE:
            page = _and_the_next(kept.cursor, _SMALL_PAGE)
            if kept.cursor.at_tip:
                return End(self._ended(shard_id, start, page, kept.cursor))
        cursor = Cursor(self._reads, shard_id, At(_not_before(start, cut)))
        page = cursor.records()
        if not page.sequence_numbers:
            return End(self._last_before(shard_id, start, cut))
        page = self._last_of(shard_id, page, cursor)
        end = _later(start, _behind(page, cursor))
        if end == start:
            # All of these were read before: the shard is idle.
            self._idle[shard_id] = _Idle(start, cursor, self._reads.now())
        return End(end)

    def bounded(self, shard_id: str, start: Open, end: End, cut: datetime, most: int) -> End:
        """`end`, or an earlier one if the range up to `end` holds more than `most` records.

        Exact up to 10,000 records, if one answer holds them; else by the rate of the first 1,000 behind `start`.
        """
        number, read = last_read(end.position), last_read(start)
        if number is None or number == read:
            return end
        page = Cursor(self._reads, shard_id, start).records(most if most <= _LARGEST_PAGE else _SMALL_PAGE)
        if not page.sequence_numbers:
            return end  # All of it expired since `end` was found; who reads it says so.
        count, first, last = len(page.sequence_numbers), page.arrived[0], page.arrived[-1]
        reached = After(page.sequence_numbers[-1], instant_of_seconds(last))
        if reached.reaches(number):
            return end
        if count >= most:
            return End(reached, instant_of_seconds(last))
        full = instant_of_seconds(first + (last - first) * most / count)
        if full >= cut:
            return end
        slowed = self.at(shard_id, reached, full)
        return slowed if After(number).reaches(last_read(slowed.position) or "0") else end

    def _last_before(self, shard_id: str, start: Open, cut: datetime) -> Position:
        """The last record of a shard in which nothing arrived since `cut`; `start` where that is it."""
        cursor = Cursor(self._reads, shard_id, start)
        page = _and_the_next(cursor)
        if cursor.at_tip:
            return self._ended(shard_id, start, page, cursor)
        # Some record lies at or after `low`, none at or after `high`.
        low, high = instant_of_seconds(page.arrived[0]), cut
        while high - low > TIP_WINDOW:
            middle = low + (high - low) / 2
            probing = Cursor(self._reads, shard_id, At(middle))
            probed = probing.records(limit=1)
            if probed.sequence_numbers:
                page, cursor, low = probed, probing, middle
            else:
                high = middle
        return _behind(self._last_of(shard_id, page, cursor), cursor)

    def _last_of(self, shard_id: str, page: Page, cursor: Cursor) -> Page:
        page = cursor.last_records(page, self._reads.now() + TIP_WINDOW)
        self.millis_behind[shard_id] = page.millis_behind
        return page

    def _ended(self, shard_id: str, start: Open, page: Page, cursor: Cursor) -> Position:
        """The end where `cursor`, which began at `start`, came to the tip with `page`."""
        self.millis_behind[shard_id] = 0
        if page.sequence_numbers:
            return _behind(page, cursor)
        if cursor.closed:
            return _closed(start)
        self._idle[shard_id] = _Idle(start, cursor, self._reads.now())
        return start


def _and_the_next(cursor: Cursor, limit: int = _LARGEST_PAGE) -> Page:
    """The next answer of `cursor`, or the one behind it if that has records too: only one without tells the tip."""
    page = cursor.records(limit)
    following = page if cursor.at_tip else cursor.records(limit)
    return following if following.sequence_numbers else page


def _behind(page: Page, cursor: Cursor) -> After | Closed:
    """The position behind the last record of `page`; closed only if the cursor that read it came to the end."""
    last, arrived = page.sequence_numbers[-1], instant_of_seconds(page.arrived[-1])
    return Closed(last, arrived=arrived) if cursor.closed else After(last, arrived)


def _closed(position: Position) -> Closed:
    return Closed(last_read(position), arrived=arrival_of(position))


def _not_before(position: Open, time: datetime) -> datetime:
    return max(position.time, time) if isinstance(position, At) else time


def _later(position: Open, end: After | Closed) -> Position:
    number = last_read(end)
    assert number is not None, "it is a record's"
    if isinstance(position, After) and position.reaches(number):
        return _closed(position) if isinstance(end, Closed) else position
    return end
