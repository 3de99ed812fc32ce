"""Micro-batches over all shards of a stream: cut at one time, bounded, parents before children."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from event_lake.kinesis.api.expiry import InParallel
from event_lake.kinesis.api.reads import Reads
from event_lake.kinesis.offsets import Closed, Offset, Position, TrimHorizon, earlier_of, last_read, lost_at
from event_lake.kinesis.planning.ends import MOST_PER_SECOND, TIP_WINDOW, End, Ends, Open
from event_lake.kinesis.planning.loss import Losses, refuse_another
from event_lake.kinesis.planning.topology import Topology


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """What one batch takes at most: `time` of arrivals, the same for all shards, and so many `records`."""

    time: timedelta
    records: int


class Planner:
    """Plans one query's micro-batches. Keeps the iterators of idle shards: make one per query.

    Calls per batch and shard: 3 for a busy shard, and 2 while the query is behind; 1 for an idle one while triggers are
    less than 4 minutes apart, else 4; 2 when it wakes, and 5 with more than 1,000 records. More in these cases: 2
    log2(seconds) where a shard's last record is far behind; 2 for a batch before a gap; 2 where `bounds.records` may be
    reached (`Ends.bounded`); 2 per unread shard for a batch that closes one. A query's first plan looks at
    the last record that was read of each shard, for 2 calls, and again where it replays a batch before that. `Topology`
    has the stream's own.
    Source: Kinesis API reference, GetShardIterator (AT_TIMESTAMP) and GetRecords (Limit, MillisBehindLatest).
    """

    def __init__(self, reads: Reads, *, go_on_after_loss: bool = False, in_parallel: InParallel = map) -> None:
        self._reads = reads
        self._losses = Losses(reads, go_on=go_on_after_loss, in_parallel=in_parallel)
        self._in_parallel = in_parallel
        self._topology = Topology(reads)
        self._ends = Ends(reads)
        self._quiet: Offset | None = None
        self._planned = False

    @property
    def millis_behind(self) -> Mapping[str, int]:
        """Each shard's distance to its tip, as last seen."""
        return self._ends.millis_behind

    def beginning(self, positions: Callable[[Topology], Mapping[str, Position]]) -> Offset:
        """The offset of a query that begins at `positions` of the stream's shards."""
        begin = self.resolved(positions)
        return Offset(begin, self._first_arrival(begin), self._topology.summary)

    def resolved(self, positions: Callable[[Topology], Mapping[str, Position]]) -> Mapping[str, Position]:
        """`positions` of the stream as it is now."""
        self._topology.look()
        return positions(self._topology)

    def tip(self, start: Offset) -> Offset:
        """The offset behind all that the stream holds now."""
        begin = self._checked(start, plans=True)
        cut = max(begin.cut, self._reads.now() - TIP_WINDOW)
        first, ends = begin.shards, dict[str, Position]()
        while left := [(s, p) for s, p in begin.shards.items() if s not in ends]:
            found = self._in_parallel(lambda shard: self._tip_of(shard[0], shard[1], cut), left)
            ends |= {shard_id: end for (shard_id, _), end in zip(left, found, strict=True)}
            # Children that weren't listed when their parent was found closed.
            begin = replace(begin, shards=self._topology.grown({**begin.shards, **ends}, at_once=True))
        # A parent that was closed a moment later isn't read to its end: its children stay where they begin.
        reached = {s: first.get(s, TrimHorizon()) for s in begin.shards}
        seen = set[str]()
        while new := self._topology.lineage.readable(reached).keys() - seen:
            reached |= {s: ends[s] for s in new}
            seen |= new
        return Offset(reached, cut, begin.summary)

    def next_end(self, start: Offset, target: Offset | None = None, bounds: Bounds | None = None) -> Offset:
        """The end of the batch behind `start`: what `bounds` allow, or all there is where that is less.

        Returns `start` itself where there's nothing new (but for a later cut, four times in the stream's
        retention), and never an offset behind `target`. A shard that is closed with records in this batch leaves its
        children to later ones. Raises DataLossError where records behind `start` may have expired.
        """
        begin = self._quiet if self._quiet is not None and self._quiet.shards == start.shards else start
        begin = self._checked(begin, plans=True)
        holes = {s for s, position in begin.shards.items() if lost_at(position) != lost_at(start.shards.get(s))}
        if holes:
            return replace(begin, cut=self._first_arrival(begin.shards))
        end = self._end_behind(begin, target, bounds)
        # Another cut alone is an offset of its own, and Spark runs a batch for it: too much for every trigger, but
        # a query that finds an old cut in its checkpoint couldn't tell an idle stream from expired records.
        if end.shards != start.shards or end.cut - start.cut > end.summary.retention / 4:
            return end
        self._quiet = end
        return start

    def refuse_losses(self, start: Offset) -> None:
        """Raise DataLossError if records behind `start` may have expired, unless the query goes on after a loss.

        Before anything was planned, `start` is that of a batch which a query replays: it's looked at as any start is.
        """
        self._checked(start)

    def _checked(self, start: Offset, *, plans: bool = False) -> Offset:
        """`start` with the shards that there are now, and past its holes."""
        self._topology.look()
        summary, lineage = self._topology.summary, self._topology.lineage
        refuse_another(start, summary)
        past = self._losses.past(start, summary, lineage, looks=not self._planned)
        self._planned = self._planned or plans
        holes = {s: position for s, position in past.items() if position != start.shards.get(s)}
        return Offset(self._topology.grown(past) | holes, start.cut, summary)

    def _end_behind(self, start: Offset, target: Offset | None, bounds: Bounds | None) -> Offset:
        last_cut = target.cut if target else self._reads.now() - TIP_WINDOW
        cut = min(start.cut + bounds.time, last_cut) if bounds else last_cut
        while True:
            batch = self._batch(start.shards, self._finder(start, cut, last_cut, target, bounds))
            following = batch.following
            if cut >= last_cut or following is None:
                return Offset(batch.ends, self._cut_of(batch, last_cut), start.summary)
            begins_with_gap = following - cut > TIP_WINDOW and self._first_arrival(batch.starts) >= following
            if batch.ends != start.shards and not begins_with_gap:
                # Nothing arrived between `cut` and `following`: the next batch begins behind the gap.
                return Offset(batch.ends, self._cut_of(batch, last_cut), start.summary)
            assert bounds is not None, "without bounds the first cut is the last"
            cut = min(max(cut, following) + bounds.time, last_cut)

    def _batch(self, start: Mapping[str, Position], find: Callable[[str, Open], End]) -> "_Batch":
        at, starts, found = dict(start), dict[str, Open](), dict[str, End]()
        while new := {s: p for s, p in self._topology.lineage.readable(at).items() if s not in found}:
            starts |= new
            ends = self._in_parallel(lambda shard: find(*shard), new.items())
            found |= zip(new, ends, strict=True)
            # The children of a shard that is closed without a record in this batch may be read in the same.
            at |= {s: found[s].position for s, p in new.items() if _closes_emptily(p, found[s].position)}
            at = self._topology.grown(at)
        closes = any(isinstance(end.position, Closed) for end in found.values())
        reached = self._topology.grown(at | {s: end.position for s, end in found.items()}, after_a_close=closes)
        arrivals = [end.arrived for end in found.values() if end.arrived]
        return _Batch(starts, reached, min(arrivals, default=None))

    def _finder(
        self, start: Offset, cut: datetime, last_cut: datetime, target: Offset | None, bounds: Bounds | None
    ) -> Callable[[str, Open], End]:
        """What finds a shard's end of the batch behind `start` that is cut at `cut`."""
        share = _share(start, cut, bounds)

        def find(shard_id: str, position: Open) -> End:
            aim = target.shards.get(shard_id, position) if target else None
            if aim is not None and not isinstance(aim, Closed) and last_read(aim) in (None, last_read(position)):
                return End(position)
            if cut < last_cut:
                end = self._ends.at(shard_id, position, cut)
            else:
                end = End(aim or self._tip_of(shard_id, position, cut))
            if aim is not None:
                end = replace(end, position=earlier_of(end.position, aim))
            return self._ends.bounded(shard_id, position, end, cut, share) if share else end

        return find

    def _cut_of(self, batch: "_Batch", last_cut: datetime) -> datetime:
        """The time up to which all shards are read behind `batch`."""
        cut = min(last_cut, batch.following or last_cut)
        unread = {s: p for s, p in batch.ends.items() if s not in batch.starts and not isinstance(p, Closed)}
        closes = any(isinstance(batch.ends.get(s), Closed) for s in batch.starts)
        # A shard's children have records from the moment on in which it was closed.
        return min(cut, self._first_arrival(unread)) if closes and unread else cut

    def _tip_of(self, shard_id: str, position: Position, cut: datetime) -> Position:
        if isinstance(position, Closed):
            return position
        return self._ends.tip(shard_id, position, cut).position

    def _first_arrival(self, positions: Mapping[str, Position]) -> datetime:
        """When the first record behind any of `positions` arrived; now where there's none."""
        open_shards = [(s, p) for s, p in positions.items() if not isinstance(p, Closed)]
        arrivals = self._in_parallel(lambda shard: self._ends.first_arrival(*shard), open_shards)
        return min((arrival for arrival in arrivals if arrival), default=self._reads.now())


@dataclass(frozen=True)
class _Batch:
    """`starts` of the shards that it reads, `ends` of all; `following`: when the next one's first record arrived."""

    starts: Mapping[str, Open]
    ends: Mapping[str, Position]
    following: datetime | None


def _share(start: Offset, cut: datetime, bounds: Bounds | None) -> int | None:
    """How many records a shard may give, or None where it can't hold more before `cut`."""
    if bounds is None:
        return None
    shards = sum(not isinstance(position, Closed) for position in start.shards.values())
    share = max(1, bounds.records // max(1, shards))
    possible = ((cut - start.cut + 2 * TIP_WINDOW).total_seconds()) * MOST_PER_SECOND
    return share if share < possible else None


def _closes_emptily(start: Position, end: Position) -> bool:
    return isinstance(end, Closed) and last_read(start) == last_read(end)
