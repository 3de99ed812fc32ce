"""Plans micro-batches over all shards of a stream: cut at one arrival time, bounded, parents before children."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from event_lake.kinesis.api.expiry import InParallel
from event_lake.kinesis.api.reads import Reads
from event_lake.kinesis.offsets import Closed, Offset, Position, TrimHorizon, earlier_of, last_read, lost_at
from event_lake.kinesis.planning.ends import MOST_PER_SECOND, TIP_WINDOW, End, Ends, OpenPosition
from event_lake.kinesis.planning.loss import Losses, refuse_recreated_stream
from event_lake.kinesis.planning.topology import Topology


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """The most that one batch takes: a span of arrival `time`, the same for all shards, and a number of `records`."""

    time: timedelta
    records: int


class Planner:
    """Plans one query's micro-batches. It keeps the iterators of idle shards, so make one planner per query.

    Calls per batch and shard:
    - a busy shard costs 3, or 2 while the query is behind;
    - an idle shard costs 1 while triggers are less than 4 minutes apart, else 4;
    - an idle shard that gets records costs 2, or 5 if they are more than 1,000;
    - a shard whose last record is far behind costs 2 log2(seconds) more, a batch before a gap 2 more, a batch that may
      reach `bounds.records` 2 more (`Ends.limit_end`), and a batch that closes a shard 2 more for each unread shard;
    - a query's first plan looks at the last record that was read of each shard, for 2 more, and again if it replays a
      batch before its first plan.
    `Topology` says what the calls about the whole stream cost.
    Source: Kinesis API reference, GetShardIterator (AT_TIMESTAMP) and GetRecords (Limit, MillisBehindLatest).
    """

    def __init__(self, reads: Reads, *, go_on_after_loss: bool = False, in_parallel: InParallel = map) -> None:
        self._reads = reads
        self._losses = Losses(reads, go_on=go_on_after_loss, in_parallel=in_parallel)
        self._in_parallel = in_parallel
        self._topology = Topology(reads)
        self._ends = Ends(reads)
        # The end of the last plan that found nothing new: Spark's positions, with a later cut that Spark wasn't told.
        self._idle_end: Offset | None = None
        self._has_planned = False

    @property
    def millis_behind(self) -> Mapping[str, int]:
        """Return each shard's distance to its tip in milliseconds, as last seen."""
        return self._ends.millis_behind

    def beginning(self, positions_in: Callable[[Topology], Mapping[str, Position]]) -> Offset:
        """Return the offset of a query that begins where `positions_in` says for the stream as it is now."""
        begin = self.resolved(positions_in)
        return Offset(begin, self._first_arrival(begin), self._topology.summary)

    def resolved(self, positions_in: Callable[[Topology], Mapping[str, Position]]) -> Mapping[str, Position]:
        """Return the positions that `positions_in` gives for the stream as it is now."""
        self._topology.look()
        return positions_in(self._topology)

    def tip(self, start: Offset) -> Offset:
        """Return the offset after all records that the stream holds now. It keeps the holes of shards that are gone."""
        begin = self._checked(start, plans=True)
        gone = {
            s: position for s, position in begin.shards.items() if isinstance(position, Closed) and position.lost_at
        }
        cut = max(begin.cut, self._reads.now() - TIP_WINDOW)
        first, ends = begin.shards, dict[str, Position]()
        while remaining := [(s, p) for s, p in begin.shards.items() if s not in ends]:
            tips = self._in_parallel(lambda shard: self._tip_of(shard[0], shard[1], cut), remaining)
            ends |= {shard_id: end for (shard_id, _), end in zip(remaining, tips, strict=True)}
            # This adds children that weren't listed yet when their parent was found closed.
            begin = replace(begin, shards=self._topology.with_listed_shards({**begin.shards, **ends}, at_once=True))
        # A parent may be closed after its tip was found. Then it isn't read to its end, and its children aren't begun.
        reached = {s: first.get(s, TrimHorizon()) for s in begin.shards}
        readable = set[str]()
        while new := self._topology.lineage.readable(reached).keys() - readable:
            reached |= {s: ends[s] for s in new}
            readable |= new
        return Offset(reached | gone, cut, begin.summary)

    def next_end(self, start: Offset, target: Offset | None = None, bounds: Bounds | None = None) -> Offset:
        """Return the end of the batch after `start`: as much as `bounds` allow, or all there is if that is less.

        The end is never after `target`. If nothing is new, it's `start` itself. Once the cut is more than a quarter of
        the retention later, it's an offset with the same positions and that cut. If a batch has records of a shard that
        it closes, it leaves the shard's children to later batches. Raise DataLossError if records after `start` may
        have expired. With `go_on_after_loss` don't raise: return the end of a batch that consists of the holes alone.
        """
        begin = self._idle_end if self._idle_end is not None and self._idle_end.shards == start.shards else start
        begin = self._checked(begin, plans=True)
        holes = {s for s, position in begin.shards.items() if lost_at(position) != lost_at(start.shards.get(s))}
        if holes:
            return replace(begin, cut=self._first_arrival(begin.shards))
        end = self._end_after(begin, target, bounds)
        # Spark runs a batch even if only the cut is later. That's too much for every trigger, but a query that found a
        # very old cut in its checkpoint couldn't tell an idle stream from one whose records expired.
        if end.shards != start.shards or end.cut - start.cut > end.summary.retention / 4:
            return end
        self._idle_end = end
        return start

    def refuse_losses(self, start: Offset) -> None:
        """Raise DataLossError if records after `start` may have expired, unless the query goes on after a loss.

        Call it before a query reads a batch, which it may replay without a plan. Before the first plan this looks at
        the shards, at a first plan's cost.
        """
        self._checked(start)

    def _checked(self, start: Offset, *, plans: bool = False) -> Offset:
        """Return `start` with the shards that there are now, moved past its holes. Raise DataLossError for a loss."""
        self._topology.look()
        summary, lineage = self._topology.summary, self._topology.lineage
        refuse_recreated_stream(start, summary)
        positions = self._losses.step_over_holes(start, summary, lineage, looks=not self._has_planned)
        self._has_planned = self._has_planned or plans
        holes = {s: position for s, position in positions.items() if position != start.shards.get(s)}
        return Offset(self._topology.with_listed_shards(positions) | holes, start.cut, summary)

    def _end_after(self, start: Offset, target: Offset | None, bounds: Bounds | None) -> Offset:
        last_cut = target.cut if target else self._reads.now() - TIP_WINDOW
        cut = min(start.cut + bounds.time, last_cut) if bounds else last_cut
        while True:
            batch = self._batch(start.shards, self._finder(start, cut, last_cut, target, bounds))
            earliest = batch.earliest_end
            if cut >= last_cut or earliest is None:
                return Offset(batch.ends, self._cut_of(batch, last_cut), start.summary)
            begins_with_gap = earliest - cut > TIP_WINDOW and self._first_arrival(batch.starts) >= earliest
            if batch.ends != start.shards and not begins_with_gap:
                # If `earliest` is later than `cut`, no record arrived in between. This batch ends on the first records
                # after that gap, so the next one begins after it.
                return Offset(batch.ends, self._cut_of(batch, last_cut), start.summary)
            assert bounds is not None, "without bounds the first cut is the last"
            cut = min(max(cut, earliest) + bounds.time, last_cut)

    def _batch(self, start: Mapping[str, Position], find: Callable[[str, OpenPosition], End]) -> "_Batch":
        """Return the batch after `start`, with the end that `find` finds for each shard that may be read in it."""
        at, starts, ends = dict(start), dict[str, OpenPosition](), dict[str, End]()
        while new := {s: p for s, p in self._topology.lineage.readable(at).items() if s not in ends}:
            starts |= new
            ends |= zip(new, self._in_parallel(lambda shard: find(*shard), new.items()), strict=True)
            # If a shard is closed without a record in this batch, its children may be read in the same batch.
            at |= {s: ends[s].position for s, p in new.items() if _closes_emptily(p, ends[s].position)}
            at = self._topology.with_listed_shards(at)
        reached = {s: end.position for s, end in ends.items()}
        closes = any(isinstance(position, Closed) for position in reached.values())
        arrivals = [end.arrived for end in ends.values() if end.arrived]
        positions = self._topology.with_listed_shards(at | reached, after_a_close=closes)
        return _Batch(starts, positions, min(arrivals, default=None))

    def _finder(
        self, start: Offset, cut: datetime, last_cut: datetime, target: Offset | None, bounds: Bounds | None
    ) -> Callable[[str, OpenPosition], End]:
        """Return a function that finds a shard's end in the batch after `start` that is cut at `cut`."""
        share = _share(start, cut, bounds)

        def find(shard_id: str, position: OpenPosition) -> End:
            aim = target.shards.get(shard_id, position) if target else None
            if aim is not None and not isinstance(aim, Closed) and last_read(aim) in (None, last_read(position)):
                return End(position)
            if cut < last_cut:
                end = self._ends.find_end(shard_id, position, cut)
            else:
                end = End(aim or self._tip_of(shard_id, position, cut))
            if aim is not None:
                end = replace(end, position=earlier_of(end.position, aim))
            return self._ends.limit_end(shard_id, position, end, cut, share) if share else end

        return find

    def _cut_of(self, batch: "_Batch", last_cut: datetime) -> datetime:
        """Return the arrival time up to which all shards are read once `batch` is."""
        cut = min(last_cut, batch.earliest_end or last_cut)
        unread = {s: p for s, p in batch.ends.items() if s not in batch.starts and not isinstance(p, Closed)}
        closes = any(isinstance(batch.ends.get(s), Closed) for s in batch.starts)
        # A closed shard's children may have records from the moment of its closing on.
        return min(cut, self._first_arrival(unread)) if closes and unread else cut

    def _tip_of(self, shard_id: str, position: Position, cut: datetime) -> Position:
        if isinstance(position, Closed):
            return position
        return self._ends.find_tip(shard_id, position, cut).position

    def _first_arrival(self, positions: Mapping[str, Position]) -> datetime:
        """Return when the first record after any of `positions` arrived, or the time now if there's none."""
        open_shards = [(s, p) for s, p in positions.items() if not isinstance(p, Closed)]
        arrivals = self._in_parallel(lambda shard: self._ends.find_first_arrival(*shard), open_shards)
        return min((arrival for arrival in arrivals if arrival), default=self._reads.now())


@dataclass(frozen=True)
class _Batch:
    """A planned batch: `starts` of the shards that it reads, and `ends` of all shards.

    `earliest_end` is the arrival time up to which all shards that it reads are read: the earliest of their
    `End.arrived`. It's None if none has one.
    """

    starts: Mapping[str, OpenPosition]
    ends: Mapping[str, Position]
    earliest_end: datetime | None


def _share(start: Offset, cut: datetime, bounds: Bounds | None) -> int | None:
    """Return how many records each shard may give.

    Return None if no shard can hold more than that before `cut`, or if there are no bounds.
    """
    if bounds is None:
        return None
    shards = sum(not isinstance(position, Closed) for position in start.shards.values())
    share = max(1, bounds.records // max(1, shards))
    possible = ((cut - start.cut + 2 * TIP_WINDOW).total_seconds()) * MOST_PER_SECOND
    return share if share < possible else None


def _closes_emptily(start: Position, end: Position) -> bool:
    """True if the shard is closed, and has no record between `start` and `end`."""
    return isinstance(end, Closed) and last_read(start) == last_read(end)
