"""Resuming from what the ledger tells reads exactly the rest, and refuses where that may have expired."""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pyspark.sql import Row

from event_lake.errors import DataLossError, ServiceUnavailableError
from event_lake.kinesis.offsets import At, Offset, TrimHorizon, from_text, last_read, to_text
from event_lake.kinesis.planning.planner import Planner
from event_lake.kinesis.planning.resume import Resumption, resume_positions
from event_lake.kinesis.planning.start import refuse_expired, starting_positions
from event_lake.lake.time import micros_of
from event_lake.raw.resume import position_after
from support.fake_shards import T0, FakeShards
from support.generated_streams import Stream, steps, streams
from support.generated_streams import take as take_steps
from support.planned_batches import DAY, MINUTE, batches, counts

HOUR = 60 * MINUTE


def time(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def an_entry(
    *, start: str | None = None, last: str | None = None, hole: str | None = None, ingested_at: datetime = T0
) -> Row:
    return Row(start=start, last_sequence_number=last, hole=hole, ingested_at=micros_of(ingested_at))


def begin(shards: FakeShards, positions: dict[str, str], read_until: float, *, go_on: bool = False) -> Resumption:
    return resume_positions(positions, time(read_until), shards, go_on=go_on)


def start(shards: FakeShards, positions: dict[str, str], read_until: float, *, go_on: bool = False) -> dict[str, str]:
    found: dict[str, str] = json.loads(begin(shards, positions, read_until, go_on=go_on).start_from)
    return found


@pytest.mark.parametrize(
    ("entry", "position"),
    [
        (an_entry(start="5", last="9"), "9"),
        (an_entry(start="TRIM_HORIZON"), "TRIM_HORIZON"),
        (an_entry(start="AT 2026-11-21T09:00:00+00:00"), "AT 2026-11-21T09:00:00+00:00"),
        (an_entry(start="CLOSED 7"), "CLOSED 7"),
        # What was read after the hole.
        (an_entry(start="5", last="9", hole="records after 5"), "9"),
        # All of it was lost: whatever the shard holds comes next.
        (an_entry(start="5", hole="records after 5"), "TRIM_HORIZON LOST 2026-11-21T00:00:00+00:00"),
        # Nobody told.
        (an_entry(), None),
    ],
)
def test_the_position_after_an_entry_is_its_last_record_what_it_found_or_where_it_began(
    entry: Row, position: str | None
) -> None:
    assert position_after(entry) == position
    assert position is None or to_text(from_text(position)) == position


def test_a_shard_goes_on_after_its_last_record() -> None:
    shards = FakeShards("a", "b", clock=100)
    shards.put("a", 10, 20)
    first, _ = shards.numbers("a")
    positions = {"a": first, "b": "TRIM_HORIZON"}
    assert start(shards, positions, 30) == positions


def test_a_parent_told_by_its_last_record_is_found_closed_and_its_children_go_on_where_they_were() -> None:
    shards = FakeShards("a", clock=100)
    shards.put("a", 10, 20)
    shards.split("a", 30, "b", "c")
    shards.put("b", 40, 41, 42)
    shards.put("c", 50)
    positions = {"a": shards.numbers("a")[-1], "b": shards.numbers("b")[0]}
    assert _rest(shards, positions, read_until=40) == [{"b": 2, "c": 1}]


def test_a_childs_unread_parent_comes_first() -> None:
    shards = FakeShards("a", clock=100)
    shards.put("a", 10, 20)
    shards.split("a", 30, "b", "c")
    shards.put("b", 40)
    # The query began when the shards were there already.
    positions = {"a": shards.numbers("a")[0], "b": "TRIM_HORIZON", "c": "TRIM_HORIZON"}
    assert _rest(shards, positions, read_until=15) == [{"a": 1}, {"b": 1}]


def test_an_idle_shards_record_that_expired_stands_for_all_that_the_shard_holds() -> None:
    shards = FakeShards("a", "b", clock=2 * DAY)
    shards.put("a", 10)
    shards.put("b", 2 * DAY - 20, 2 * DAY - 10)
    [expired], [there, _] = shards.numbers("a"), shards.numbers("b")
    assert start(shards, {"a": expired, "b": there}, 2 * DAY - 15) == {"a": "TRIM_HORIZON", "b": there}


def test_a_record_that_expired_unread_is_a_loss() -> None:
    shards = FakeShards("a", clock=2 * DAY)
    shards.put("a", 10, 20)
    read = shards.numbers("a")[0]
    with pytest.raises(DataLossError, match=f"records of a after {read} that arrived from .* may have expired unread"):
        begin(shards, {"a": read}, 15)
    assert begin(shards, {"a": read}, 15, go_on=True) == Resumption(
        '{"a": "TRIM_HORIZON LOST 2026-11-23T00:00:00+00:00"}',
        {"a": f"a after {read}: expired before 2026-11-23T00:00:00+00:00"},
    )


def test_a_hole_that_the_ledger_tells_is_told_once() -> None:
    shards = FakeShards("a", clock=DAY + HOUR)
    positions = {"a": to_text(TrimHorizon(time(HOUR + 1)))}
    assert begin(shards, positions, 10) == Resumption(json.dumps(positions), {})


def test_a_shard_that_is_gone_was_read_to_its_end_if_all_were_read_later_than_it_was_closed() -> None:
    shards = _with_a_shard_gone()
    positions = {"a": shards.numbers("a")[0], "b": "TRIM_HORIZON"}
    assert start(shards, positions, 33) == {"b": "TRIM_HORIZON"}


def test_a_shard_that_is_gone_may_have_held_more_if_it_was_closed_later() -> None:
    shards = _with_a_shard_gone()
    positions = {"a": shards.numbers("a")[0]}
    with pytest.raises(DataLossError, match=f"shard a is gone, which was read up to {positions['a']}"):
        begin(shards, positions, 31)
    assert begin(shards, positions, 31, go_on=True) == Resumption(
        "earliest", {"a": f"a after {positions['a']}: expired before 2026-11-22T00:00:30+00:00"}, positions
    )


def test_a_shard_that_is_gone_was_read_to_its_end_if_the_ledger_says_so() -> None:
    shards = _with_a_shard_gone()
    positions = {"a": "CLOSED 4", "b": "TRIM_HORIZON", "c": "TRIM_HORIZON LOST 2026-11-22T00:00:00+00:00"}
    assert start(shards, positions, 40) == {s: positions[s] for s in "bc"}


def test_where_all_told_shards_are_gone_the_others_are_read_from_their_beginning() -> None:
    shards = _with_a_shard_gone()
    assert begin(shards, {"a": "4"}, 33) == Resumption("earliest", {})


def test_a_shard_that_is_not_listed_yet_is_waited_for() -> None:
    shards = FakeShards("a", clock=40, lists_late=30)
    shards.put("a", 1)
    shards.split("a", 20, "b", "c")
    shards.put("b", 30)
    positions = {s: shards.numbers(s)[0] for s in "ab"}
    with pytest.raises(ServiceUnavailableError, match="ListShards doesn't show shard b yet"):
        begin(shards, positions, 35)
    shards.clock = 60
    assert start(shards, positions, 35) == positions


def test_records_of_children_of_which_none_was_read_may_have_expired_if_their_parents_are_gone() -> None:
    shards = FakeShards("a", clock=2 * DAY)
    shards.put("a", 10)
    shards.split("a", 20, "b", "c")
    shards.put("b", 60)
    positions = {"a": "CLOSED 4", "b": "TRIM_HORIZON", "c": "TRIM_HORIZON"}
    assert "a" not in {shard.shard_id for shard in shards.list_shards()}
    with pytest.raises(DataLossError, match="records of b after TRIM_HORIZON that arrived from"):
        begin(shards, positions, 40)


def test_a_stream_that_was_made_again_is_another() -> None:
    shards = FakeShards("a", clock=1_000)
    shards.put("a", 10)
    shards.make_again(900)
    with pytest.raises(
        DataLossError, match=r"deleted and made again at 2026-11-21T00:15:00\+00:00: .* after a 4 is gone"
    ):
        begin(shards, {"a": "4"}, 500, go_on=True)
    assert start(shards, {"a": "TRIM_HORIZON"}, 900) == {"a": "TRIM_HORIZON"}


@dataclass
class Ledgered(Stream):
    """A stream whose reader keeps a ledger, and can go on from nothing else.

    `tells_rests`: a batch without a record tells where each shard is.
    """

    tells_rests: bool = False
    ledger: dict[str, Row] = field(init=False)
    read_until: datetime = field(init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.ledger = {}
        self._tell_where_it_is()

    def _tell_where_it_is(self) -> None:
        self.ledger |= {s: an_entry(start=to_text(p)) for s, p in self.offset.shards.items()}
        self.read_until = self.offset.cut

    def plan(self, target: Offset | None = None) -> bool:
        before = self.offset
        planned = super().plan(target)
        if planned:
            starts = {s: before.shards.get(s, TrimHorizon()) for s in self.offset.shards}
            lasts = {s: last_read(p) for s, p in self.offset.shards.items()}
            receipts = {
                s: an_entry(start=to_text(starts[s]), last=last)
                for s, last in lasts.items()
                if last is not None and last != last_read(starts[s])
            }
            if receipts:
                self.ledger |= receipts
                self.read_until = self.offset.cut
            elif self.tells_rests:
                self._tell_where_it_is()
        return planned

    def check_bounds(self, numbers: dict[str, list[str]], start: Offset, took: float) -> None:
        """Nothing: how large batches may be is the claim of other tests."""

    def read_what_is_there(self) -> None:
        while (end := self.planner.next_end(self.offset, None, self.bounds)).shards != self.offset.shards:
            for shard_id in end.shards:
                self.read[shard_id] += self.read_range(shard_id, self.offset, end)
            self.offset = end

    def resume(self) -> None:
        positions = {s: position_after(entry) for s, entry in self.ledger.items()}
        found = self._resumed({s: position for s, position in positions.items() if position})
        self.planner = Planner(self.shards)
        self.offset = self.planner.beginning(
            lambda topology: starting_positions(
                found.start_from, topology.lineage, self.shards.now(), topology.summary.retention
            )
        )
        refuse_expired(self.offset.shards, self.shards)
        self._tell_where_it_is()

    def _resumed(self, positions: dict[str, str]) -> Resumption:
        for _ in range(5 if self.lists_late else 0):
            try:
                return resume_positions(positions, self.read_until, self.shards, go_on=False)
            except ServiceUnavailableError:
                self.shards.clock += 1
        return resume_positions(positions, self.read_until, self.shards, go_on=False)


def ledgered(stream: Stream, *, tells_rests: bool) -> Ledgered:
    return Ledgered(stream.shards, stream.bounds, stream.position, stream.lists_late, tells_rests)


ledgereds = st.builds(ledgered, streams(), tells_rests=st.booleans())


def take(stream: Ledgered, sequence: list[tuple[str, float]]) -> None:
    for step, seconds in sequence:
        if step == "resume":
            stream.shards.clock += seconds
            stream.resume()
        else:
            take_steps(stream, [(step, seconds)])


resumptions = st.tuples(st.just("resume"), st.one_of(st.just(0.0), st.floats(0, 900)))


@settings(max_examples=300, deadline=None)
@given(stream=ledgereds, sequence=st.lists(st.one_of(steps, resumptions), max_size=12))
def test_resuming_from_the_ledger_after_any_batch_of_any_history_reads_exactly_the_rest(
    stream: Ledgered, sequence: list[tuple[str, float]]
) -> None:
    take(stream, sequence)
    stream.resume()
    stream.run_dry()
    assert stream.read == stream.expected


@settings(max_examples=300, deadline=None)
@given(
    stream=ledgereds.filter(lambda stream: not stream.lists_late),
    sequence=st.lists(steps, max_size=12),
    stopped=st.one_of(st.floats(0, 100), st.floats(0, 5_000)),
    retention=st.floats(60, 5_000),
)
def test_resuming_after_a_stop_reads_exactly_the_rest_or_says_that_some_expired(
    stream: Ledgered, sequence: list[tuple[str, float]], stopped: float, retention: float
) -> None:
    take(stream, sequence)
    # Before anything is read, "earliest" is what is still there.
    assume(any(stream.read.values()) or isinstance(stream.position, At))
    stream.shards.clock += stopped
    stream.shards.retention = retention
    stream.shards.stand_still()
    stood_for = stream.shards.now() - stream.read_until
    try:
        stream.resume()
    except DataLossError:
        # Clocks are known to a second, and neighbours arrive a little out of order.
        assert stood_for > timedelta(seconds=retention - 2)
    else:
        stream.read_what_is_there()
        there = {s: stream.shards.arrived_numbers(s) for s in stream.shard_ids}
        assert stream.read == {s: [n for n in there[s] if n in stream.expected[s]] for s in stream.shard_ids}


def _with_a_shard_gone() -> FakeShards:
    shards = FakeShards("a", clock=DAY + 30)
    shards.put("a", 10)
    shards.split("a", 30, "b", "c")
    return shards


def _rest(shards: FakeShards, positions: dict[str, str], read_until: float) -> list[dict[str, int]]:
    """How many records of each shard each batch holds that is read from there on."""
    found = begin(shards, positions, read_until)
    planner = Planner(shards)
    beginning = planner.beginning(
        lambda topology: starting_positions(
            found.start_from, topology.lineage, shards.now(), topology.summary.retention
        )
    )
    refuse_expired(beginning.shards, shards)
    ends = [beginning, *batches(planner, beginning)]
    held = [counts(shards, one, other) for one, other in pairwise(ends)]
    return [batch for batch in held if batch]
