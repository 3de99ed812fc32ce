"""Whatever arrives whenever, and however often the planner starts anew: each record once, in order."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from event_lake.kinesis.ends import TIP_WINDOW, Planner
from event_lake.kinesis.offsets import After, At, Offset, Position, TrimHorizon
from event_lake.kinesis.ranges import Range, pages_of
from unit.fake_shards import T0, FakeShards

# Neighbours of one shard arrive out of order by this much at most.
DISORDER = 0.9
RETENTION = timedelta(days=365)

gaps = st.one_of(
    st.just(0.0), st.floats(0.001, 2), st.floats(2, 100), st.sampled_from([59.999, 60.0, 60.001, 600, 1300])
)
bursts = st.tuples(gaps, st.integers(1, 12), st.sampled_from([0.0, 0.001, 0.2, 1.0, 7.0]))
disorders = st.one_of(st.just([0.0]), st.lists(st.floats(0, DISORDER), min_size=1, max_size=5))


@st.composite
def histories(draw: st.DrawFn) -> list[float]:
    """Arrival times of one shard: bursts of records at even steps, with gaps between, disturbed a little."""
    time, arrivals = 0.0, []
    for gap, count, step in draw(st.lists(bursts, max_size=6)):
        time += gap
        arrivals += [time + step * k for k in range(count)]
        time = arrivals[-1]
    disorder = draw(disorders)
    return [arrival + disorder[k % len(disorder)] for k, arrival in enumerate(arrivals)]


@dataclass
class Stream:
    """A generated stream, a query that reads it, and what it has read."""

    shards: FakeShards
    max_batch: timedelta
    position: Position
    planner: Planner = field(init=False)
    offset: Offset = field(init=False)
    expected: dict[str, list[str]] = field(init=False)
    read: dict[str, list[str]] = field(init=False)

    def __post_init__(self) -> None:
        self.restart()
        shard_ids = self.shard_ids
        now = self.shards.now()
        position = At(now) if isinstance(self.position, At) else self.position
        cut = now if isinstance(position, At) else self.planner.first_arrival(dict.fromkeys(shard_ids, position))
        self.offset = Offset(dict.fromkeys(shard_ids, position), cut)
        self.read = {shard_id: [] for shard_id in shard_ids}
        self.expected = {shard_id: self.shards.numbers(shard_id) for shard_id in shard_ids}
        if isinstance(position, At):
            since = (position.time - T0).total_seconds()
            self.expected = {shard_id: self.shards.numbers_since(shard_id, since) for shard_id in shard_ids}

    @property
    def shard_ids(self) -> Sequence[str]:
        return sorted(self.shards.shard_ids)

    def restart(self) -> None:
        self.planner = Planner(self.shards, max_batch=self.max_batch, retention=RETENTION)
        if hasattr(self, "offset"):
            self.offset = Offset.from_json(self.offset.to_json())

    def plan(self, target: Offset | None = None) -> bool:
        """Plan and read one batch, held to every promise of `next_end`; whether there was one."""
        start, begun = self.offset, self.shards.clock
        waiting = {s: set(self.shards.arrived(s)) & set(self.expected[s]) for s in self.shard_ids}
        end = self.planner.next_end(start, target)
        if end == start:
            if target is None:
                unread = [waiting[s] - set(self.read[s]) for s in self.shard_ids]
                assert not any(unread)
            return False
        assert end.cut >= start.cut
        took = self.shards.clock - begun
        spans = []
        for shard_id in self.shard_ids:
            numbers = self.read_range(shard_id, start.shards[shard_id], end.shards[shard_id])
            self.read[shard_id] += numbers
            spans += [self.shards.arrival(shard_id, number) for number in numbers[:-1]]
        assert end.shards != start.shards, "a batch without a record"
        assert self.read == {s: numbers[: len(self.read[s])] for s, numbers in self.expected.items()}
        most = self.max_batch + TIP_WINDOW + timedelta(seconds=self.shards.slow + took + DISORDER + 0.001)
        assert max(spans, default=0) - min(spans, default=0) <= most.total_seconds()
        self.offset = end
        return True

    def read_range(self, shard_id: str, start: Position, end: Position) -> list[str]:
        if end == start:
            return []
        assert isinstance(end, After)
        assert end.sequence_number in self.shards.arrived(shard_id)
        pages = list(pages_of(Range(shard_id, start, end), self.shards, sleep=lambda _: None))
        assert all(page.sequence_numbers for page in pages)
        return [number for page in pages for number in page.sequence_numbers]

    def catch_up(self, moving: float) -> None:
        """Do what AvailableNow does, while time goes on: end on what was there at its start."""
        arrived = {s: set(self.shards.arrived(s)) & set(self.expected[s]) for s in self.shard_ids}
        target = self.planner.tip(self.offset)
        most = 2 + (target.cut - self.offset.cut) / self.max_batch
        batches = 0
        while self.plan(target):
            self.shards.clock += moving
            batches += 1
        assert self.offset.shards == target.shards
        assert batches <= most
        assert all(arrived[s] <= set(self.read[s]) for s in self.shard_ids)

    def run_dry(self) -> None:
        self.shards.clock = max(self.shards.clock, self.shards.last_arrival) + 10
        while self.plan():
            pass


@st.composite
def streams(draw: st.DrawFn) -> Stream:
    shards = FakeShards(
        *[f"s-{n}" for n in range(draw(st.integers(1, 3)))],
        covers=draw(st.sampled_from([None, None, 50.0, 500.0])),
        page_size=draw(st.sampled_from([1, 3, 10_000])),
        slow=draw(st.sampled_from([0.0, 0.5, 0.999])),
        call_takes=draw(st.sampled_from([0.0, 0.01, 0.1])),
    )
    for shard_id in shards.shard_ids:
        shards.put(shard_id, *draw(histories()))
    after = draw(st.floats(1, 3))
    arrivals = [shards.arrival(s, number) + after for s in shards.shard_ids for number in shards.numbers(s)]
    shards.clock = draw(st.one_of(st.sampled_from(arrivals or [after]), st.floats(1, 5_000)))
    max_batch = timedelta(seconds=draw(st.sampled_from([1, 5, 60, 600])))
    return Stream(shards, max_batch, draw(st.sampled_from([TrimHorizon(), At(T0)])))


advances = st.tuples(st.just("advance"), st.one_of(st.floats(0, 5), st.floats(0, 700)))
steps = st.one_of(
    advances,
    st.tuples(st.just("plan"), st.just(0.0)),
    st.tuples(st.just("restart"), st.just(0.0)),
    st.tuples(st.just("catch up"), st.sampled_from([0.0, 0.1, 30.0])),
)


@settings(max_examples=300, deadline=None)
@given(stream=streams(), sequence=st.lists(steps, max_size=12))
def test_any_sequence_of_batches_restarts_and_arrivals_reads_each_record_once_in_order(
    stream: Stream, sequence: list[tuple[str, float]]
) -> None:
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
    stream.run_dry()
    assert stream.read == stream.expected


@settings(max_examples=50, deadline=None)
@given(stream=streams())
def test_once_all_is_read_every_further_trigger_returns_its_start(stream: Stream) -> None:
    stream.run_dry()
    for _ in range(3):
        stream.shards.clock += 61
        assert stream.planner.next_end(stream.offset) == stream.offset
