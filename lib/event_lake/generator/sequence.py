"""Make the records of a run in the order in which they are put: events, bad records in place of some, and copies."""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random

from event_lake.generator.events import Timeline, draft_event
from event_lake.generator.faults import FAULTS, fault_at

EVENT, LATE, RETRY = "event", "late", "retry"

_COPIED_SHARE = 0.02
_AT_ONCE_SHARE = 0.5
_AT_ONCE_EVENTS = 3
_DELAY_SECONDS = (60, 180)


@dataclass(frozen=True, slots=True)
class Record:
    """A record to put. `kind` is EVENT, LATE, RETRY or a kind of fault. `seconds` is its time, counted from event 0."""

    kind: str
    partition_key: str
    data: bytes
    seconds: float

    @property
    def size(self) -> int:
        """Return the bytes that Kinesis counts: those of the data and of the partition key."""
        return len(self.data) + len(self.partition_key.encode())


def records(timeline: Timeline, *, first: int, count: int) -> Iterator[Record]:
    """Yield the records of events number `first` to `first + count - 1`, and copies of some of them.

    An event's bytes depend only on its timeline and number. 2 % of the good events come again as exact copies: half of
    these within 3 events, half 1 to 3 minutes later. Copies that are still due at the end are the last records.
    """
    # The copies to come: the number of the event that they come before, the number of their own event, the record.
    waiting: list[tuple[int, int, Record]] = []
    for number in range(first, first + count):
        seconds = timeline.seconds(number)
        while waiting and waiting[0][0] <= number:
            yield _copy(heapq.heappop(waiting)[2], seconds)
        rng = timeline.rng(number)
        record = _record(timeline, number, rng)
        yield record
        # Bad records have no copies, as nobody asks a producer to send one again.
        if record.kind in (EVENT, LATE) and rng.random() < _COPIED_SHARE:
            heapq.heappush(waiting, (number + _distance(timeline, rng), number, record))
    last = timeline.seconds(first + count - 1)
    while waiting:
        yield _copy(heapq.heappop(waiting)[2], last)


def _record(timeline: Timeline, number: int, rng: Random) -> Record:
    draft = draft_event(rng, timeline.place_ms(number))
    fault = fault_at(number)
    if fault is None:
        kind, data = LATE if draft.is_late else EVENT, draft.text().encode()
    else:
        kind, data = fault, FAULTS[fault](draft, rng)
    return Record(kind, draft.user_id, data, timeline.seconds(number))


def _distance(timeline: Timeline, rng: Random) -> int:
    """Return how many events later a copy comes."""
    if rng.random() < _AT_ONCE_SHARE:
        return 1 + int(rng.random() * _AT_ONCE_EVENTS)
    return 1 + int(rng.uniform(*_DELAY_SECONDS) * timeline.rate)


def _copy(record: Record, seconds: float) -> Record:
    return replace(record, kind=RETRY, seconds=seconds)
