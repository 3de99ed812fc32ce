"""Reading one shard's part of a micro-batch, on an executor."""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from event_lake.errors import ServiceUnavailableError
from event_lake.kinesis.cursor import PAUSE_SECONDS, Cursor
from event_lake.kinesis.loss import holds_all_behind
from event_lake.kinesis.offsets import After, At, TrimHorizon, instant, to_text
from event_lake.kinesis.reads import Page, Reads, ShardGoneError

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


def pages_of(part: Range, reads: Reads, lost: Callable[[str], None]) -> Iterator[Page]:
    """Exactly the records of `part`, in order, in pages that aren't empty.

    Empty answers with data behind them are followed, as `Cursor.records` does. What expired before it was read is told
    to `lost`, which raises or lets the rest be read. Raises ServiceUnavailableError if Kinesis keeps saying that
    there's nothing more before the end, which the driver has seen, and which can't have expired.
    """
    cursor = Cursor(reads, part.shard_id, part.start)
    arrived, empty_at_tip, limit = part.unread_since, 0, _FIRST_LIMIT
    while True:
        before = cursor.position
        try:
            page = cursor.records(limit)
        except ShardGoneError:
            lost(f"shard {part.shard_id} is gone: records behind {to_text(before)} up to {part.end.sequence_number}")
            return
        may_lack = reads.now() - part.retention > arrived
        if may_lack and not _all_is_there(reads, part.shard_id, before):
            lost(f"records of {part.shard_id} behind {to_text(before)} expired before they were read")
            arrived = reads.now()
        numbers = page.sequence_numbers
        head = page.head(bisect_right(numbers, int(part.end.sequence_number), key=int))
        if head.sequence_numbers:
            yield head
            limit = min(limit * _GROWTH, _LARGEST_LIMIT)
            arrived = instant(head.arrived[-1])
        if numbers and int(numbers[-1]) >= int(part.end.sequence_number):
            if part.end.sequence_number not in head.sequence_numbers[-1:]:
                lost(f"records of {part.shard_id} up to {part.end.sequence_number} expired before they were read")
            return
        if not numbers:
            empty_at_tip += 1
            if cursor.closed or empty_at_tip > _MAX_EMPTY_AT_TIP:
                _end_early(part, lost, may_lack=may_lack)
                return
            reads.pause(PAUSE_SECONDS)
        elif cursor.closed:
            _end_early(part, lost, may_lack=may_lack)
            return


def _end_early(part: Range, lost: Callable[[str], None], *, may_lack: bool) -> None:
    if not may_lack:
        raise ServiceUnavailableError(
            f"shard {part.shard_id} ended before record {part.end.sequence_number}, which it held before"
        )
    lost(f"records of {part.shard_id} up to {part.end.sequence_number} expired before they were read")


def _all_is_there(reads: Reads, shard_id: str, before: TrimHorizon | At | After) -> bool:
    # Of the oldest that there is, nothing was promised.
    return isinstance(before, TrimHorizon) or holds_all_behind(reads, shard_id, before)
