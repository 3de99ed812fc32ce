"""Finds where one shard's part of a micro-batch ends: at a record that exists.

Because the record exists, an executor can read exactly up to it without waiting, and a replay reads the same.
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

# Kinesis' clock is known to a second, and Kinesis refuses a timestamp in its future.
TIP_WINDOW = timedelta(seconds=1)
# An iterator lives 5 minutes. A minute is left for the calls that use it.
_ITERATOR_LIFE = timedelta(minutes=4)
# The records that a shard takes: https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html
MOST_PER_SECOND = 1_000
# The most records in one answer: Kinesis API reference, GetRecords.
_LARGEST_PAGE = 10_000
# The limit of calls with an idle shard's kept iterator, which is enough to reach the end of a small burst in one call.
_SMALL_PAGE = 1_000

OpenPosition = TrimHorizon | At | After


@dataclass(frozen=True)
class End:
    """The end of a shard's range of records.

    `arrived` is the arrival time up to which the shard is read: that of the record at the end, or of a later one if a
    target ends the range before it. None if the batch's cut doesn't depend on it: at the shard's last record, at the
    range's start, or at a target.
    """

    position: Position
    arrived: datetime | None = None


@dataclass(frozen=True)
class _Idle:
    position: OpenPosition
    cursor: Cursor
    last_call: datetime


class Ends:
    """Finds the ends of shards' ranges. Each call finds one end, which never lies before the range's start.

    It keeps the iterators of idle shards, so make one object per query. `millis_behind` is each shard's distance in
    milliseconds to its tip (its newest record), as last seen.
    """

    def __init__(self, reads: Reads) -> None:
        self._reads = reads
        self._idle: dict[str, _Idle] = {}
        self.millis_behind: dict[str, int] = {}

    def find_first_arrival(self, shard_id: str, position: OpenPosition) -> datetime | None:
        """Return when the first record after `position` arrived, or None if there's none."""
        page = Cursor(self._reads, shard_id, position).records(limit=1)
        return instant_of_seconds(page.arrived[0]) if page.sequence_numbers else None

    def find_end(self, shard_id: str, start: OpenPosition, cut: datetime) -> End:
        """Return the end at the first record that arrived at or after `cut`, or else at the shard's last record."""
        probe = Cursor(self._reads, shard_id, At(_not_before(start, cut)))
        page = probe.records(limit=1)
        if not page.sequence_numbers:
            return End(self._last_before(shard_id, start, cut))
        self.millis_behind[shard_id] = page.millis_behind
        arrived = instant_of_seconds(page.arrived[0])
        return End(_later(start, After(page.sequence_numbers[0], arrived)), arrived)

    def find_tip(self, shard_id: str, start: OpenPosition, cut: datetime) -> End:
        """Return the end at the last record that the shard holds now. `cut` is a time shortly before now."""
        kept = self._idle.pop(shard_id, None)
        if kept and kept.position == start and self._reads.now() - kept.last_call < _ITERATOR_LIFE:
            page = _last_of_two_answers(kept.cursor, _SMALL_PAGE)
            if kept.cursor.at_tip:
                return End(self._ended(shard_id, start, page, kept.cursor))
        cursor = Cursor(self._reads, shard_id, At(_not_before(start, cut)))
        page = cursor.records()
        if not page.sequence_numbers:
            return End(self._last_before(shard_id, start, cut))
        page = self._last_of(shard_id, page, cursor)
        end = _later(start, _after(page, cursor))
        if end == start:
            # The query has read all of these records before: the shard is idle.
            self._idle[shard_id] = _Idle(start, cursor, self._reads.now())
        return End(end)

    def limit_end(self, shard_id: str, start: OpenPosition, end: End, cut: datetime, most: int) -> End:
        """Return `end`, or an earlier end if the range up to `end` holds more than `most` records.

        The earlier end is exact if the first answer holds `most` records; no answer holds more than 10,000. Else it's
        estimated from the rate of the records in the first answer after `start`. If `most` is more than 10,000, at most
        1,000 records are requested for that.
        """
        number, read = last_read(end.position), last_read(start)
        if number is None or number == read:
            return end
        page = Cursor(self._reads, shard_id, start).records(most if most <= _LARGEST_PAGE else _SMALL_PAGE)
        if not page.sequence_numbers:
            return end  # All records expired since `end` was found. The executor that reads the range reports it.
        count, first, last = len(page.sequence_numbers), page.arrived[0], page.arrived[-1]
        reached = After(page.sequence_numbers[-1], instant_of_seconds(last))
        if reached.reaches(number):
            return end
        if count >= most:
            return End(reached, instant_of_seconds(last))
        full = instant_of_seconds(first + (last - first) * most / count)
        if full >= cut:
            return end
        earlier = self.find_end(shard_id, reached, full)
        return earlier if After(number).reaches(last_read(earlier.position) or "0") else end

    def _last_before(self, shard_id: str, start: OpenPosition, cut: datetime) -> Position:
        """Return the end of a shard in which nothing arrived since `cut`: its last record, or `start`."""
        cursor = Cursor(self._reads, shard_id, start)
        page = _last_of_two_answers(cursor)
        if cursor.at_tip:
            return self._ended(shard_id, start, page, cursor)
        # Some record lies at or after `low`, none at or after `high`.
        low, high = instant_of_seconds(page.arrived[0]), cut
        while high - low > TIP_WINDOW:
            middle = low + (high - low) / 2
            probe = Cursor(self._reads, shard_id, At(middle))
            first = probe.records(limit=1)
            if first.sequence_numbers:
                page, cursor, low = first, probe, middle
            else:
                high = middle
        return _after(self._last_of(shard_id, page, cursor), cursor)

    def _last_of(self, shard_id: str, page: Page, cursor: Cursor) -> Page:
        page = cursor.last_records(page, self._reads.now() + TIP_WINDOW)
        self.millis_behind[shard_id] = page.millis_behind
        return page

    def _ended(self, shard_id: str, start: OpenPosition, page: Page, cursor: Cursor) -> Position:
        """Return the end at the tip, which `cursor`, begun at `start`, reached with the answer `page`."""
        self.millis_behind[shard_id] = 0
        if page.sequence_numbers:
            return _after(page, cursor)
        if cursor.closed:
            return _closed(start)
        self._idle[shard_id] = _Idle(start, cursor, self._reads.now())
        return start


def _last_of_two_answers(cursor: Cursor, limit: int = _LARGEST_PAGE) -> Page:
    """Return the next answer of `cursor`, or the one after it if that has records too.

    The cursor of an open shard is known to be at the tip only after an answer without records, so an answer with
    records needs a second.
    """
    page = cursor.records(limit)
    following = page if cursor.at_tip else cursor.records(limit)
    return following if following.sequence_numbers else page


def _after(page: Page, cursor: Cursor) -> After | Closed:
    """Return the position after the last record of `page`: Closed only if `cursor`, which read it, came to the end."""
    last, arrived = page.sequence_numbers[-1], instant_of_seconds(page.arrived[-1])
    return Closed(last, arrived=arrived) if cursor.closed else After(last, arrived)


def _closed(position: Position) -> Closed:
    return Closed(last_read(position), arrived=arrival_of(position))


def _not_before(position: OpenPosition, time: datetime) -> datetime:
    return max(position.time, time) if isinstance(position, At) else time


def _later(position: OpenPosition, end: After | Closed) -> Position:
    number = last_read(end)
    assert number is not None, "it is a record's"
    if isinstance(position, After) and position.reaches(number):
        return _closed(position) if isinstance(end, Closed) else position
    return end
