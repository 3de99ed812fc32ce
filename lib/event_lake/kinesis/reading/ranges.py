"""Reads one shard's part of a micro-batch, on an executor."""

from bisect import bisect_right
from collections.abc import Callable, Iterator

from event_lake.errors import ServiceUnavailableError
from event_lake.kinesis.api.cursor import PAUSE_SECONDS, Cursor
from event_lake.kinesis.api.expiry import expired_too_early, holds_all_after
from event_lake.kinesis.api.reads import Page, Reads, ShardGoneError
from event_lake.kinesis.offsets import After, At, TrimHorizon, instant_of_seconds, to_text
from event_lake.kinesis.parts import Range

_MAX_EMPTY_AT_TIP = 50
# The records that the first answer may hold, and the factor by which that grows with each answer up to Kinesis' 10,000.
# It begins small because the last answer goes beyond the range's end, and all that it holds counts towards the 2 MB/s
# that a shard gives its readers.
_FIRST_LIMIT, _GROWTH, _LARGEST_LIMIT = 1_000, 4, 10_000


def read_pages(part: Range, reads: Reads, report_loss: Callable[[str], None]) -> Iterator[Page]:
    """Yield exactly the records of `part`, in order, in pages that aren't empty.

    Call `report_loss` with a message for records that expired before they were read; it raises an error, or returns so
    that the rest is read. Raise ServiceUnavailableError if Kinesis answers 51 times, over 10 s, that nothing is there
    before the end, although the driver has seen the record at the end and it can't have expired.
    """
    cursor = Cursor(reads, part.shard_id, part.start, inclusive=isinstance(part.start, After))
    end, empty_at_tip = part.end.sequence_number, 0
    for page, may_lack in _answers(part, cursor, reads, report_loss):
        numbers = page.sequence_numbers
        head = page.part(0, bisect_right(numbers, int(end), key=int))
        if head.sequence_numbers:
            yield head
        if numbers and int(numbers[-1]) >= int(end):
            if end not in head.sequence_numbers[-1:]:
                report_loss(f"records of {part.shard_id} up to {end} expired before they were read")
            return
        empty_at_tip += cursor.at_tip
        if cursor.closed or empty_at_tip > _MAX_EMPTY_AT_TIP:
            _end_early(part, report_loss, may_lack=may_lack)
            return
        if cursor.at_tip:
            reads.pause(PAUSE_SECONDS)


def _answers(
    part: Range, cursor: Cursor, reads: Reads, report_loss: Callable[[str], None]
) -> Iterator[tuple[Page, bool]]:
    """Yield `cursor`'s answers after the start of `part`, each with True if, by the clock, records may be missing.

    If the start is an After, `cursor` begins with its record, which isn't part of the range: while the shard holds that
    record, it holds all after it. After other answers the shard is asked if it still holds the last record that was
    read only if, by the clock, records may be missing.
    """
    before_first = part.start if isinstance(part.start, After) else None
    arrived, limit = part.unread_since, _FIRST_LIMIT
    while True:
        before = cursor.position
        try:
            page = cursor.records(limit + 1 if before_first else limit)
        except ShardGoneError:
            up_to = part.end.sequence_number
            report_loss(f"shard {part.shard_id} is gone: records after {to_text(before)} up to {up_to}")
            return
        may_lack = reads.now() - part.retention > arrived
        if before_first and page.sequence_numbers:
            whole = page.sequence_numbers[0] == before_first.sequence_number
            lacks = not whole and (may_lack or expired_too_early(before_first.arrived, reads.now(), part.retention))
            page, before_first = page.part(int(whole)), None
        else:
            lacks = may_lack and not _all_is_there(reads, part.shard_id, before)
        if lacks:
            report_loss(f"records of {part.shard_id} after {to_text(before)} expired before they were read")
            arrived = reads.now()
        yield page, may_lack
        if page.sequence_numbers:
            arrived, limit = instant_of_seconds(page.arrived[-1]), min(limit * _GROWTH, _LARGEST_LIMIT)


def _end_early(part: Range, report_loss: Callable[[str], None], *, may_lack: bool) -> None:
    if not may_lack:
        raise ServiceUnavailableError(
            f"shard {part.shard_id} ended before record {part.end.sequence_number}, which it held before"
        )
    report_loss(f"records of {part.shard_id} up to {part.end.sequence_number} expired before they were read")


def _all_is_there(reads: Reads, shard_id: str, before: TrimHorizon | At | After) -> bool:
    # TRIM_HORIZON is whatever the shard still holds, so nothing after it can be missing.
    return isinstance(before, TrimHorizon) or holds_all_after(reads, shard_id, before)
