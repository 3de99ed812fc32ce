"""Reading one shard's part of a micro-batch, on an executor."""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from event_lake.errors import DataLossError, ServiceUnavailableError
from event_lake.kinesis.client import Page
from event_lake.kinesis.ends import Reads
from event_lake.kinesis.offsets import After, Position

# A shard answers 5 GetRecords a second.
_PAUSE_SECONDS = 0.2
_MAX_EMPTY_AT_TIP = 50


@dataclass(frozen=True)
class Range:
    """The records of one shard behind `start`, up to and with `end`."""

    shard_id: str
    start: Position
    end: After


def pages_of(part: Range, reads: Reads, sleep: Callable[[float], None]) -> Iterator[Page]:
    """Exactly the records of `part`, in order, as at least one page.

    Empty answers with data behind them are followed. Raises ServiceUnavailableError if Kinesis keeps saying that
    there's nothing more before the end, which the driver has seen, DataLossError if the end has expired since.
    """
    page = reads.get_records(reads.iterator(part.shard_id, part.start))
    empty_at_tip = 0
    while True:
        numbers = page.sequence_numbers
        if numbers and part.end.reaches(numbers[-1]):
            yield page
            if numbers[-1] == part.end.sequence_number:
                return
        elif numbers:
            head = page.head(bisect_right(numbers, int(part.end.sequence_number), key=int))
            if part.end.sequence_number not in head.sequence_numbers[-1:]:
                raise DataLossError(
                    f"shard {part.shard_id} doesn't hold record {part.end.sequence_number} any more, where a batch"
                    " ends: records expired before they were read; a new lake.root starts afresh"
                )
            yield head
            return
        else:
            empty_at_tip += page.at_tip
            sleep(_PAUSE_SECONDS)
        if page.next_iterator is None or empty_at_tip > _MAX_EMPTY_AT_TIP:
            raise ServiceUnavailableError(
                f"shard {part.shard_id} ended before record {part.end.sequence_number}, which it held before"
            )
        page = reads.get_records(page.next_iterator)
