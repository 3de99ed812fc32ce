"""Generates streams with any history of arrivals and reshards, and holds a query on each to the planner's promises."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from hypothesis import assume
from hypothesis import strategies as st

from event_lake.kinesis.offsets import After, At, Closed, Offset, Position, TrimHorizon, last_read
from event_lake.kinesis.parts import Range
from event_lake.kinesis.planning.ends import TIP_WINDOW
from event_lake.kinesis.planning.planner import Bounds, Planner
from event_lake.kinesis.reading.ranges import read_pages
from support.fake_shards import T0, FakeShards

# Neighbours in one shard arrive out of order by this many seconds at most.
DISORDER = 0.9
RETENTION = timedelta(days=365)
# In seconds: histories, and the steps that tests take after them, end in a fifth of this.
_LATEST = 100_000.0

gaps = st.one_of(
    st.just(0.0), st.floats(0.001, 2), st.floats(2, 100), st.sampled_from([59.999, 60.0, 60.001, 600, 1300])
)
bursts = st.tuples(gaps, st.integers(1, 12), st.sampled_from([0.0, 0.001, 0.2, 1.0, 7.0]))
starts: st.SearchStrategy[Position] = st.sampled_from([TrimHorizon(), At(T0)])
disorders = st.one_of(st.just([0.0]), st.lists(st.floats(0, DISORDER), min_size=1, max_size=5))


@st.composite
def histories(draw: st.DrawFn) -> list[float]:
    """Draw one shard's arrival times: bursts of records at even steps, with gaps between, a little out of order."""
    time, arrivals = 0.0, []
    for gap, count, step in draw(st.lists(bursts, max_size=6)):
        time += gap
        arrivals += [time + step * k for k in range(count)]
        time = arrivals[-1]
    disorder = draw(disorders)
    return [arrival + disorder[k % len(disorder)] for k, arrival in enumerate(arrivals)]


@dataclass
class Stream:
    """A generated stream, and a query that reads it. `read` has the sequence numbers it has read, by shard.

    `expected` has all that it's to read in the end.
    """

    shards: FakeShards
    bounds: Bounds
    position: Position
    lists_late: bool
    planner: Planner = field(init=False)
    offset: Offset = field(init=False)
    expected: dict[str, list[str]] = field(init=False)
    read: dict[str, list[str]] = field(init=False)
    # The seconds that the search for a catch-up's end took. The end may lie after records that arrived meanwhile.
    search_seconds: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        self.restart()
        now = self.shards.now()
        position = At(now) if isinstance(self.position, At) else self.position
        there = [s for s in self.shard_ids if self.shards.is_listed(s)]
        self.offset = self.planner.beginning(lambda _: dict.fromkeys(there, position))
        self.read = {shard_id: [] for shard_id in self.shard_ids}
        self.expected = {shard_id: self.shards.numbers(shard_id) for shard_id in self.shard_ids}
        if isinstance(position, At):
            since = (position.time - T0).total_seconds()
            self.expected |= {shard_id: self.shards.numbers_since(shard_id, since) for shard_id in there}

    @property
    def shard_ids(self) -> Sequence[str]:
        return sorted(self.shards.shard_ids)

    def restart(self) -> None:
        self.planner = Planner(self.shards)
        if hasattr(self, "offset"):
            self.offset = Offset.from_json(self.offset.to_json())

    def waiting(self) -> dict[str, set[str]]:
        """Return, for each shard, the expected records that have arrived."""
        return {s: set(self.shards.arrived_numbers(s)) & set(self.expected[s]) for s in self.shard_ids}

    def plan(self, target: Offset | None = None) -> bool:
        """Plan and read one batch, and hold it to every promise of `next_end`. Return False if there was none."""
        # Where each call takes time, short pages over long gaps would drive the clock ever further ahead.
        assume(self.shards.clock < _LATEST)
        start, begun, waiting = self.offset, self.shards.clock, self.waiting()
        end = self.planner.next_end(start, target, self.bounds)
        if end == start:
            if target is None and not self.lists_late:
                # Only shards of `end` count, because the planner lists new ones once a second at most.
                assert not any(waiting[s] - set(self.read[s]) for s in end.shards)
            return False
        assert end.shards != start.shards, "a batch for nothing"
        seconds = self.shards.clock - begun + (self.search_seconds if target else 0)
        numbers = {s: self.read_range(s, start, end) for s in end.shards}
        self.check_order(numbers)
        self.check_bounds(numbers, start, seconds)
        for shard_id, of_shard in numbers.items():
            self.read[shard_id] += of_shard
        assert self.read == {s: numbers[: len(self.read[s])] for s, numbers in self.expected.items()}
        if not self.lists_late:
            cut = (end.cut - T0).total_seconds()
            known = [s for s in self.shard_ids if not self.is_hidden(s)]
            unread = [self.shards.arrival(s, n) for s in known for n in self.expected[s][len(self.read[s]) :]]
            assert min(unread, default=cut) >= cut - DISORDER - 0.001, "the cut is later than an unread record"
        self.offset = end
        return True

    def is_hidden(self, shard_id: str) -> bool:
        """True if the planner can't know of the shard yet, as only the next answer says that its parent is closed."""
        return self.shards.tells_end_late and self.shards.life(shard_id)[0] > self.shards.listed_at

    def check_order(self, numbers: dict[str, list[str]]) -> None:
        for shard_id, of_shard in numbers.items():
            if of_shard:
                for ancestor in self.shards.ancestors(shard_id):
                    assert self.read[ancestor] == self.expected[ancestor], "a child before its parent"
                    assert not numbers.get(ancestor)

    def check_bounds(self, numbers: dict[str, list[str]], start: Offset, seconds: float) -> None:
        """Check the batch with the records `numbers`, after `start`, which was planned within `seconds`."""
        arrivals = [self.shards.arrival(s, number) for s in numbers for number in numbers[s][:-1]]
        most = self.bounds.time + TIP_WINDOW + timedelta(seconds=self.shards.slow + seconds + DISORDER + 0.001)
        if not self.lists_late:
            assert max(arrivals, default=0) - min(arrivals, default=0) <= most.total_seconds()
        still_open = sum(not isinstance(position, Closed) for position in start.shards.values())
        share = max(1, self.bounds.records // max(1, still_open))
        # A shard that is listed late isn't counted for the shares, and gives all that it holds up to the cut.
        if self.shards.page_size == 10_000 and not self.lists_late:
            assert all(len(of_shard) <= share for of_shard in numbers.values())

    def read_range(self, shard_id: str, start: Offset, end: Offset) -> list[str]:
        begin: Position = start.shards.get(shard_id, TrimHorizon())
        last = last_read(end.shards[shard_id])
        if last is None or last == last_read(begin):
            return []
        assert not isinstance(begin, Closed)
        assert last in self.shards.arrived_numbers(shard_id)
        part = Range(shard_id, begin, After(last), start.cut, RETENTION)
        pages = list(read_pages(part, self.shards, report_loss=pytest.fail))
        assert all(page.sequence_numbers for page in pages)
        return [number for page in pages for number in page.sequence_numbers]

    def catch_up(self, moving: float) -> None:
        """Read as Trigger.AvailableNow does: all that was there at its start. Each batch takes `moving` seconds."""
        waiting, begun = self.waiting(), self.shards.clock
        target = self.planner.tip(self.offset)
        self.search_seconds = self.shards.clock - begun
        most = 2 + (target.cut - self.offset.cut) / self.bounds.time + 2 * len(self.shard_ids)
        batches = 0
        while self.plan(target):
            self.shards.clock += moving
            batches += 1
        if not self.lists_late:
            assert {s: self.offset.shards[s] for s in target.shards} == target.shards
            assert all(waiting[s] <= set(self.read[s]) for s in self.shard_ids)
        if self.bounds.records > 1_000:
            assert batches <= most

    def run_dry(self) -> None:
        """Plan and read a batch each second until all is read. Give up once 400 s have passed and there's no batch."""
        self.shards.clock = max(self.shards.clock, self.shards.last_arrival, self.shards.last_reshard) + 10
        seconds_left = 400
        while self.plan() or (self.read != self.expected and seconds_left):
            # A listing may be late, and the planner doesn't list the shards at every trigger.
            self.shards.clock += 1
            seconds_left -= 1


@st.composite
def streams(draw: st.DrawFn) -> Stream:
    lists_late = draw(st.sampled_from([0.0, 0.0, 3.0]))
    shards = FakeShards(
        *[f"s-{n}" for n in range(draw(st.integers(1, 3)))],
        covers=draw(st.sampled_from([None, None, 50.0, 500.0])),
        page_size=draw(st.sampled_from([1, 3, 10_000])),
        slow=draw(st.sampled_from([0.0, 0.5, 0.999])),
        call_takes=draw(st.sampled_from([0.0, 0.01, 0.1])),
        retention=RETENTION.total_seconds(),
        lists_late=lists_late,
        tells_end_late=draw(st.booleans()),
    )
    reshard(draw, shards)
    for shard_id in shards.shard_ids:
        opened, closed = shards.life(shard_id)
        begin = max(opened, 0.0)
        shards.put(shard_id, *[begin + arrival for arrival in draw(histories()) if begin + arrival < closed - 0.001])
    after = draw(st.floats(1, 3))
    arrivals = [shards.arrival(s, number) + after for s in shards.shard_ids for number in shards.numbers(s)]
    shards.clock = draw(st.one_of(st.sampled_from(arrivals or [after]), st.floats(1, 5_000)))
    bounds = Bounds(
        time=timedelta(seconds=draw(st.sampled_from([1, 5, 60, 600]))),
        records=draw(st.sampled_from([10**9, 10**9, 1, 7])),
    )
    return Stream(shards, bounds, draw(starts), lists_late > 0)


def reshard(draw: st.DrawFn, shards: FakeShards) -> None:
    """Split and merge shards at random, maybe also the new ones."""
    time = 0.0
    for gap in draw(st.lists(st.one_of(st.floats(0.01, 3), st.floats(3, 900)), max_size=4)):
        time += gap
        open_shards = [s for s in shards.shard_ids if shards.is_open_at(s, time)]
        one = draw(st.sampled_from(open_shards))
        other = draw(st.sampled_from(open_shards))
        if other == one:
            shards.split(one, time, f"{one}l", f"{one}r")
        else:
            shards.merge(one, other, time, f"{one}+{other}")


def take(stream: Stream, sequence: list[tuple[str, float]]) -> None:
    for step, seconds in sequence:
        match step:
            case "advance":
                stream.shards.clock += seconds
            case "plan":
                stream.plan()
            case "restart":
                stream.restart()
            case "catch up":
                stream.catch_up(moving=seconds)


advances = st.tuples(st.just("advance"), st.one_of(st.floats(0, 5), st.floats(0, 700)))
steps = st.one_of(
    advances,
    st.tuples(st.just("plan"), st.just(0.0)),
    st.tuples(st.just("restart"), st.just(0.0)),
    st.tuples(st.just("catch up"), st.sampled_from([0.0, 0.1, 30.0])),
)
