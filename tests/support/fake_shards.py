"""A Kinesis in memory that implements `reads.Reads`. Records arrive and reshards happen by a clock that tests set."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from event_lake.errors import EventLakeError, StreamNotFoundError
from event_lake.kinesis.api.reads import IteratorExpiredError, Page, ShardGoneError
from event_lake.kinesis.offsets import After, At, Position, Summary
from event_lake.kinesis.shards import Shard

T0 = datetime(2026, 11, 21, tzinfo=UTC)
_ITERATOR_LIFE = 300.0
_FOREVER = float("inf")


class FakeShards:
    """Shards whose records arrive at given seconds after `T0`. A record can't be read before `clock` is that far.

    Arrival times may be out of order; the shard holds records in the order in which they were put. In seconds:
    - `covers`: the span of arrivals that one answer may hold, so that a gap takes many empty answers;
    - `slow`: how far `now` is behind `clock`; `call_takes`: how far each call moves `clock`;
    - `retention`: the age at which a record expires; `lists_late`: how far ListShards lags behind.
    `page_size` is the most records in one answer, whatever its limit (Kinesis has 10 MB). If `tells_end_late`, a closed
    shard's last records come with an iterator, and only the next answer says that there's nothing more.
    """

    def __init__(
        self,
        *shard_ids: str,
        clock: float = 0.0,
        covers: float | None = None,
        page_size: int = 10_000,
        slow: float = 0.0,
        call_takes: float = 0.0,
        retention: float = 24 * 3600,
        lists_late: float = 0.0,
        tells_end_late: bool = False,
    ) -> None:
        self.clock = clock
        self.slow = slow
        self.calls = Counter[str]()
        self.pauses: list[float] = []
        self._pauses_take_time = True
        self._covers = covers or float("inf")
        self.page_size = page_size
        self._call_takes = call_takes
        self.retention = retention
        self.created = T0
        self.exists = True
        self._lists_late = lists_late
        self.listed_at = float("-inf")
        self.tells_end_late = tells_end_late
        # The numbers grow from one digit to two and three, so that they are sorted otherwise as text.
        self._shards = {shard_id: _Shard(10**index) for index, shard_id in enumerate(shard_ids)}

    # A test arranges the stream with these methods.

    def put(self, shard_id: str, *arrivals: float, data: bytes | None = None) -> None:
        """Put a record for each of the seconds after `T0`, rounded to a ms. It holds `data`, or else its index."""
        for arrival in arrivals:
            self._shards[shard_id].put(round(arrival * 1000) / 1000, data)

    def trim(self, shard_id: str, count: int) -> None:
        """Expire the first `count` records."""
        self._shards[shard_id].trimmed = count

    def trim_until(self, edge: float) -> None:
        """Expire all records that arrived up to the second `edge`, as a retention does that is shorter for a time."""
        for shard in self._shards.values():
            shard.trimmed = max(shard.trimmed, shard.visible(edge))

    def split(self, shard_id: str, at: float, *children: str) -> None:
        """Close a shard at the second `at`. Its children take records from then on."""
        self._reshard((shard_id,), at, children)

    def merge(self, one: str, other: str, at: float, child: str) -> None:
        """Close two shards at the second `at`. Their child takes records from then on."""
        self._reshard((one, other), at, (child,))

    def _reshard(self, parents: tuple[str, ...], at: float, children: tuple[str, ...]) -> None:
        for parent in parents:
            assert at < self._shards[parent].closed_at
            self._shards[parent].closed_at = at
        for child in children:
            self._shards[child] = _Shard(10 ** (len(self._shards) % 9), opened_at=at, parents=parents)

    def make_again(self, at: float) -> None:
        """Delete the stream, and make another of this name and with the same shards at the second `at`."""
        self.created = T0 + timedelta(seconds=at)
        self._shards = {shard_id: _Shard(7 + shard.first) for shard_id, shard in self._shards.items()}

    def stand_still(self) -> None:
        """Let neither calls nor pauses move the clock any more."""
        self._call_takes, self._pauses_take_time = 0.0, False

    # A test looks at the stream with these methods.

    def numbers(self, shard_id: str) -> list[str]:
        """Return the sequence numbers of all records that were put, arrived or not."""
        shard = self._shards[shard_id]
        return [shard.number(index) for index in range(len(shard.arrivals))]

    def arrived_numbers(self, shard_id: str) -> list[str]:
        """Return the sequence numbers of all records that arrived up to `clock`, expired or not."""
        return self.numbers(shard_id)[: self._shards[shard_id].visible(self.clock)]

    def held_numbers(self, shard_id: str) -> list[str]:
        """Return the sequence numbers of all records that haven't expired, arrived or not."""
        return self.numbers(shard_id)[self._trimmed(self._shards[shard_id]) :]

    def ancestors(self, shard_id: str) -> set[str]:
        """Return the ids of all shards from which this one came, over any number of splits and merges."""
        parents = self._shards[shard_id].parents
        return set(parents).union(*(self.ancestors(parent) for parent in parents))

    def is_listed(self, shard_id: str) -> bool:
        """True if ListShards shows the shard now."""
        shard = self._shards[shard_id]
        return shard.opened_at <= self.clock - self._lists_late and self.clock < shard.closed_at + self.retention

    def life(self, shard_id: str) -> tuple[float, float]:
        """Return the seconds at which the shard was opened and closed."""
        return self._shards[shard_id].opened_at, self._shards[shard_id].closed_at

    def is_open_at(self, shard_id: str, clock: float) -> bool:
        return self._shards[shard_id].opened_at <= clock < self._shards[shard_id].closed_at

    def numbers_since(self, shard_id: str, since: float) -> list[str]:
        """Return the sequence numbers from the first record on that arrives at or after the second `since`."""
        shard = self._shards[shard_id]
        return self.numbers(shard_id)[shard.first_at(since, _FOREVER, shard.trimmed) :]

    def arrival(self, shard_id: str, number: str) -> float:
        return self._shards[shard_id].arrivals[self.numbers(shard_id).index(number)]

    @property
    def last_arrival(self) -> float:
        return max((arrival for shard in self._shards.values() for arrival in shard.arrivals), default=0.0)

    @property
    def last_reshard(self) -> float:
        return max((shard.opened_at for shard in self._shards.values()), default=0.0)

    @property
    def shard_ids(self) -> list[str]:
        return list(self._shards)

    # The code under test makes these calls.

    def now(self) -> datetime:
        return _time(self.clock - self.slow)

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.clock += seconds if self._pauses_take_time else 0.0

    def summary(self) -> Summary:
        self._count("summary")
        if not self.exists:
            raise StreamNotFoundError("ResourceNotFoundException")
        return Summary(self.created, timedelta(seconds=self.retention))

    def list_shards(self) -> list[Shard]:
        self._count("list_shards")
        self.listed_at = self.clock
        return [Shard(shard_id, shard.parents) for shard_id, shard in self._shards.items() if self.is_listed(shard_id)]

    def iterator(self, shard_id: str, position: Position, *, inclusive: bool = False) -> str:
        self._count("iterator")
        shard = self._shards.get(shard_id)
        if shard is None or not shard.opened_at <= self.clock < shard.closed_at + self.retention:
            raise ShardGoneError(shard_id)
        trimmed = self._trimmed(shard)
        if isinstance(position, At):
            since = (position.time - T0).total_seconds()
            if since > self.clock + 1e-6:
                raise EventLakeError("InvalidArgumentException: a time in the future")
            return self._token(shard_id, shard.first_at(since, self.clock, trimmed), since)
        if isinstance(position, After):
            first = shard.after(position.sequence_number, self.clock)
            return self._token(shard_id, max(first - inclusive, trimmed), shard.arrivals[first - 1])
        return self._token(shard_id, trimmed, shard.arrivals[trimmed] if trimmed < len(shard.arrivals) else 0.0)

    def get_records(self, iterator: str, limit: int = 10_000) -> Page:
        self._count("get_records")
        shard_id, index, since, issued = _parsed(iterator)
        if self.clock - issued > _ITERATOR_LIFE:
            raise IteratorExpiredError
        shard = self._shards[shard_id]
        start = max(index, self._trimmed(shard))
        visible = shard.visible(self.clock)
        until = since + self._covers
        end = start
        while end < min(start + limit, start + self.page_size, visible) and shard.arrivals[end] < until:
            end += 1
        covered = end == visible or shard.arrivals[end] >= until
        more = end < visible or until <= self.clock
        arrivals = shard.arrivals[start:end]
        if arrivals:
            # This is 0 at the first of several records of one millisecond, although there are more.
            behind_ms = max(0, round((shard.arrivals[visible - 1] - arrivals[-1]) * 1000))
        else:
            behind_ms = max(1, round((self.clock - since) * 1000))
        closed = shard.closed_at <= self.clock and not more and not (self.tells_end_late and arrivals)
        return Page(
            sequence_numbers=[shard.number(index) for index in range(start, end)],
            arrived=[T0.timestamp() + arrival for arrival in arrivals],
            partition_keys=[str(index) for index in range(start, end)],
            data=[shard.data.get(index, b"%d" % index) for index in range(start, end)],
            next_iterator=(
                None if closed else self._token(shard_id, end, min(until, self.clock) if covered else since)
            ),
            millis_behind=behind_ms if more else 0,
        )

    def _trimmed(self, shard: "_Shard") -> int:
        edge = self.clock - self.retention
        expired = next((i for i, arrival in enumerate(shard.arrivals) if arrival > edge), len(shard.arrivals))
        return max(shard.trimmed, expired)

    def _count(self, call: str) -> None:
        self.calls[call] += 1
        self.clock += self._call_takes

    def _token(self, shard_id: str, index: int, since: float) -> str:
        return f"{shard_id}:{index}:{since!r}:{self.clock!r}"


@dataclass
class _Shard:
    first: int
    opened_at: float = -_FOREVER
    parents: tuple[str, ...] = ()
    closed_at: float = _FOREVER
    trimmed: int = 0
    arrivals: list[float] = field(default_factory=list)
    data: dict[int, bytes] = field(default_factory=dict)

    def put(self, arrival: float, data: bytes | None) -> None:
        if data is not None:
            self.data[len(self.arrivals)] = data
        self.arrivals.append(arrival)

    def number(self, index: int) -> str:
        return str(self.first + 3 * index)

    def after(self, number: str, clock: float) -> int:
        index, off = divmod(int(number) - self.first, 3)
        if off or not 0 <= index < self.visible(clock):
            raise EventLakeError("InvalidArgumentException: no such sequence number")
        return index + 1

    def visible(self, clock: float) -> int:
        return next((i for i, arrival in enumerate(self.arrivals) if arrival > clock), len(self.arrivals))

    def first_at(self, since: float, clock: float, trimmed: int) -> int:
        visible = self.visible(clock)
        return next((i for i in range(trimmed, visible) if self.arrivals[i] >= since), visible)


def _parsed(iterator: str) -> tuple[str, int, float, float]:
    try:
        shard_id, index, since, issued = iterator.split(":")
        return shard_id, int(index), float(since), float(issued)
    except ValueError:
        raise EventLakeError("InvalidArgumentException: no such iterator") from None


def _time(seconds: float) -> datetime:
    return T0 + timedelta(milliseconds=int(seconds * 1000))
