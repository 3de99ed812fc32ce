"""Reading one shard's part of a micro-batch, on an executor."""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from event_lake.errors import ServiceUnavailableError
from event_lake.kinesis.api.cursor import PAUSE_SECONDS, Cursor
from event_lake.kinesis.api.expiry import expired_too_early, holds_all_behind
from event_lake.kinesis.api.reads import Page, Reads, ShardGoneError
from event_lake.kinesis.offsets import After, At, TrimHorizon, instant_of_seconds, to_text

_MAX_EMPTY_AT_TIP = 50
# What the first answer may hold, and how many times more the next, up to Kinesis' 10,000: the last answer runs over the
# range's end, and all that a shard's readers get counts towards its 2 MB/s.
_FIRST_LIMIT, _GROWTH, _LARGEST_LIMIT = 1_000, 4, 10_000


@dataclass(frozen=True)
class Range:
    """The records of one shard behind `start`, up to and with `end`.

    All that's behind `start` arrived at or after `unread_since`, and is there for `retention` from its arrival on.
    """

    shard_id: str
    start: TrimHorizon | At | After
    end: After
    unread_since: datetime
    retention: timedelta


def read_pages(part: Range, reads: Reads, lost: Callable[[str], None]) -> Iterator[Page]:
    """Exactly the records of `part`, in order, in pages that aren't empty.

    Empty answers with data behind them are followed, as `Cursor.records` does. What expired before it was read is told
    to `lost`, which raises or lets the rest be read. Raises ServiceUnavailableError if Kinesis keeps saying that
    there's nothing more before the end, which the driver has seen, and which can't have expired.
    """
    cursor = Cursor(reads, part.shard_id, part.start, inclusive=isinstance(part.start, After))
    end, empty_at_tip = part.end.sequence_number, 0
    for page, may_lack in _answers(part, cursor, reads, lost):
        numbers = page.sequence_numbers
        head = page.part(0, bisect_right(numbers, int(end), key=int))
        if head.sequence_numbers:
            yield head
        if numbers and int(numbers[-1]) >= int(end):
            if end not in head.sequence_numbers[-1:]:
                lost(f"records of {part.shard_id} up to {end} expired before they were read")
            return
        empty_at_tip += cursor.at_tip
        if cursor.closed or empty_at_tip > _MAX_EMPTY_AT_TIP:
            _end_early(part, lost, may_lack=may_lack)
            return
        if cursor.at_tip:
            reads.pause(PAUSE_SECONDS)


def _answers(part: Range, cursor: Cursor, reads: Reads, lost: Callable[[str], None]) -> Iterator[tuple[Page, bool]]:
    """What `cursor` reads behind the start of `part`, and whether records before that may have expired by the clock.

    The first answer begins on the record that the start is behind, which isn't of the range: while that is there, so is
    all behind it. What is behind other answers is asked for only where it may have expired.
    """
    before_first = part.start if isinstance(part.start, After) else None
    arrived, limit = part.unread_since, _FIRST_LIMIT
    while True:
        before = cursor.position
        try:
            page = cursor.records(limit + 1 if before_first else limit)
        except ShardGoneError:
            lost(f"shard {part.shard_id} is gone: records behind {to_text(before)} up to {part.end.sequence_number}")
            return
        may_lack = reads.now() - part.retention > arrived
        if before_first and page.sequence_numbers:
            whole = page.sequence_numbers[0] == before_first.sequence_number
            lacks = not whole and (may_lack or expired_too_early(before_first.arrived, reads.now(), part.retention))
            page, before_first = page.part(int(whole)), None
        else:
            lacks = may_lack and not _all_is_there(reads, part.shard_id, before)
        if lacks:
            lost(f"records of {part.shard_id} behind {to_text(before)} expired before they were read")
            arrived = reads.now()
        yield page, may_lack
        if page.sequence_numbers:
            arrived, limit = instant_of_seconds(page.arrived[-1]), min(limit * _GROWTH, _LARGEST_LIMIT)


def _end_early(part: Range, lost: Callable[[str], None], *, may_lack: bool) -> None:
    if not may_lack:
        raise ServiceUnavailableError(
            f"shard {part.shard_id} ended before record {part.end.sequence_number}, which it held before"
        )
    lost(f"records of {part.shard_id} up to {part.end.sequence_number} expired before they were read")


def _all_is_there(reads: Reads, shard_id: str, before: TrimHorizon | At | After) -> bool:
    # Of the oldest that there is, nothing was promised.
    return isinstance(before, TrimHorizon) or holds_all_behind(reads, shard_id, before)
