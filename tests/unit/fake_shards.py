"""Kinesis in memory, as `ends.Reads` has it: records arrive as a clock is set."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from event_lake.errors import EventLakeError, UserError
from event_lake.kinesis.client import Page
from event_lake.kinesis.offsets import After, At, Position

T0 = datetime(2026, 11, 21, tzinfo=UTC)
_ITERATOR_LIFE = 300.0


class FakeShards:
    """Shards whose records arrive at given seconds after `T0`; they can't be read before `clock` says so.

    Arrival times may lie out of order; a record is then behind the ones put before it all the same.
    `covers`: each answer holds at most so many seconds of arrivals, so that a gap takes many empty answers;
    `page_size`: the records that an answer holds at most, whatever is asked for (Kinesis: 10 MB);
    `slow`: how far `now` lies behind `clock`; `call_takes`: how far each call moves `clock`.
    """

    def __init__(
        self,
        *shard_ids: str,
        clock: float = 0.0,
        covers: float | None = None,
        page_size: int = 10_000,
        slow: float = 0.0,
        call_takes: float = 0.0,
    ) -> None:
        self.clock = clock
        self.slow = slow
        self.calls = Counter[str]()
        self._covers = covers or float("inf")
        self._page_size = page_size
        self._call_takes = call_takes
        self._shards = {shard_id: _Shard(10**index) for index, shard_id in enumerate(shard_ids)}

    # What a test arranges.

    def put(self, shard_id: str, *arrivals: float) -> None:
        """A record for each of the seconds after `T0`, rounded to a ms."""
        self._shards[shard_id].arrivals += [round(arrival * 1000) / 1000 for arrival in arrivals]

    def trim(self, shard_id: str, count: int) -> None:
        """Expire the first `count` records."""
        self._shards[shard_id].trimmed = count

    def close(self, shard_id: str) -> None:
        self._shards[shard_id].closed = True

    # What a test asks.

    def numbers(self, shard_id: str) -> list[str]:
        """The sequence numbers of all that was put, arrived or not."""
        shard = self._shards[shard_id]
        return [shard.number(index) for index in range(len(shard.arrivals))]

    def arrived(self, shard_id: str) -> list[str]:
        """The sequence numbers of what can be read at `clock`."""
        return self.numbers(shard_id)[: self._shards[shard_id].visible(self.clock)]

    def numbers_since(self, shard_id: str, since: float) -> list[str]:
        """The sequence numbers from the first record on that arrives at or after `since`."""
        shard = self._shards[shard_id]
        return self.numbers(shard_id)[shard.first_at(since, clock=float("inf")) :]

    def arrival(self, shard_id: str, number: str) -> float:
        return self._shards[shard_id].arrivals[self.numbers(shard_id).index(number)]

    @property
    def last_arrival(self) -> float:
        return max((arrival for shard in self._shards.values() for arrival in shard.arrivals), default=0.0)

    @property
    def shard_ids(self) -> list[str]:
        return list(self._shards)

    # What a planner or a task calls.

    def now(self) -> datetime:
        return _time(self.clock - self.slow)

    def iterator(self, shard_id: str, position: Position) -> str:
        self._count("iterator")
        shard = self._shards.get(shard_id)
        if shard is None:
            raise UserError("ResourceNotFoundException")
        if isinstance(position, At):
            since = (position.time - T0).total_seconds()
            if since > self.clock:
                raise EventLakeError("InvalidArgumentException: a time in the future")
            return self._token(shard_id, shard.first_at(since, self.clock), since)
        if isinstance(position, After):
            behind = shard.behind(position.sequence_number, self.clock)
            return self._token(shard_id, max(behind, shard.trimmed), shard.arrivals[behind - 1])
        return self._token(shard_id, shard.trimmed, shard.arrivals[shard.trimmed] if shard.arrivals else 0.0)

    def get_records(self, iterator: str, limit: int = 10_000) -> Page:
        self._count("get_records")
        shard_id, start, since, issued = _parsed(iterator)
        if self.clock - issued > _ITERATOR_LIFE:
            raise EventLakeError("ExpiredIteratorException")
        shard = self._shards[shard_id]
        visible = shard.visible(self.clock)
        until = since + self._covers
        end = start
        while end < min(start + limit, start + self._page_size, visible) and shard.arrivals[end] < until:
            end += 1
        covered = end == visible or shard.arrivals[end] >= until
        more = end < visible or until <= self.clock
        behind_ms = round((self.clock - (shard.arrivals[end - 1] if end > start else since)) * 1000)
        if end - start < limit:
            behind_ms = max(1, behind_ms)
        arrivals = shard.arrivals[start:end]
        return Page(
            sequence_numbers=[shard.number(index) for index in range(start, end)],
            arrived=[T0.timestamp() + arrival for arrival in arrivals],
            partition_keys=[str(index) for index in range(start, end)],
            data=[b"%d" % index for index in range(start, end)],
            next_iterator=(
                None
                if shard.closed and not more
                else self._token(shard_id, end, min(until, self.clock) if covered else since)
            ),
            millis_behind=behind_ms if more else 0,
            at_tip=(not more or behind_ms == 0) and end - start < limit,
        )

    def _count(self, call: str) -> None:
        self.calls[call] += 1
        self.clock += self._call_takes

    def _token(self, shard_id: str, index: int, since: float) -> str:
        return f"{shard_id}:{index}:{since!r}:{self.clock!r}"


class _Shard:
    def __init__(self, first_number: int) -> None:
        self.arrivals: list[float] = []
        self.trimmed = 0
        self.closed = False
        # From one digit to two and three: their order as text is another.
        self._first = first_number

    def number(self, index: int) -> str:
        return str(self._first + 3 * index)

    def behind(self, number: str, clock: float) -> int:
        index, off = divmod(int(number) - self._first, 3)
        if off or not 0 <= index < self.visible(clock):
            raise EventLakeError("InvalidArgumentException: no such sequence number")
        return index + 1

    def visible(self, clock: float) -> int:
        return next((i for i, arrival in enumerate(self.arrivals) if arrival > clock), len(self.arrivals))

    def first_at(self, since: float, clock: float) -> int:
        visible = self.visible(clock)
        return next((i for i in range(self.trimmed, visible) if self.arrivals[i] >= since), visible)


def _parsed(iterator: str) -> tuple[str, int, float, float]:
    try:
        shard_id, index, since, issued = iterator.split(":")
        return shard_id, int(index), float(since), float(issued)
    except ValueError:
        raise EventLakeError("InvalidArgumentException: no such iterator") from None


def _time(seconds: float) -> datetime:
    return T0 + timedelta(milliseconds=int(seconds * 1000))
