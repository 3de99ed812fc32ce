"""Writing a chunk of raw events to staging's tables, so that each of them holds each event once."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from event_lake.config.settings import Settings
from event_lake.lake import layout, tables
from event_lake.staging import typed_tables, versions
from event_lake.staging.chunk import Chunk, known_places
from event_lake.staging.typed_tables import Contracts


@dataclass(frozen=True)
class Staged:
    """What became of the events that raw has gained: `inserted`, or `replaced` another version, or neither.

    `conflicts` versions were refused that weren't known; `duplicates` are copies of versions that were. An event that
    is replaced is a conflict from then on.
    """

    came: int = 0
    inserted: int = 0
    replaced: int = 0
    conflicts: int = 0
    duplicates: int = 0

    def __add__(self, other: "Staged") -> "Staged":
        return Staged(*(mine + its for mine, its in zip(vars(self).values(), vars(other).values(), strict=True)))

    def __str__(self) -> str:
        parts = (f"{count:,} {name}" for name, count in vars(self).items() if name != "came")
        return f"{self.came:,} events from raw: {', '.join(parts)}"


@dataclass(frozen=True, kw_only=True)
class Resolved:
    """What a chunk changes: events to insert, events to replace, conflicts to write, and such as are none any more."""

    counts: Staged
    inserted: DataFrame
    replaced: DataFrame | None = None
    conflicts: DataFrame | None = None
    freed: DataFrame | None = None


@contextmanager
def resolve(events: DataFrame, staged: DataFrame, refused: DataFrame, keep: str, rows: int) -> Iterator[Resolved]:
    """What `events`, so many `rows` of raw/events, change of the events in `staged` and `refused`.

    These are the rows of staging/events and staging/conflicts in all partitions that may hold one of `events`. Nearly
    always all of them are new, and nothing but their keys is looked at for that.
    """
    with tables.cache(versions.find_shared_keys(events, staged)) as keys:
        if not keys.count():
            yield Resolved(counts=Staged(came=rows, inserted=rows), inserted=events)
            return
        came = versions.with_keys(events, keys)
        known, other = versions.with_keys(staged, keys), versions.with_keys(refused, keys)
        with tables.cache(came) as shared:
            # Not `cached`: what comes of staging's tables would be made anew once one of them was written.
            found = versions.rank_versions(shared, known, other, keep).localCheckpoint()
            yield _resolved(events, keys, found, rows, shared.count())


def _resolved(events: DataFrame, keys: DataFrame, found: DataFrame, rows: int, shared: int) -> Resolved:
    is_new = F.col("staged_at").isNull() & F.col("refused_at").isNull()
    sums = found.select(
        F.count_if(F.col("is_kept") & ~F.col("is_known")).alias("inserted"),
        F.count_if(~F.col("is_kept") & is_new).alias("conflicts"),
        F.count_if(is_new).alias("new"),
        F.count_if(versions.is_replacing()).alias("replaced"),
        F.count_if(versions.is_refusing() & ~F.col("is_kept")).alias("refusing"),
        F.count_if(versions.is_refusing() & F.col("is_kept")).alias("freed"),
    ).first()
    assert sums, "an aggregate has a row"
    return Resolved(
        counts=Staged(
            came=rows,
            inserted=rows - shared + sums.inserted,
            replaced=sums.replaced,
            conflicts=sums.conflicts,
            duplicates=shared - sums.new,
        ),
        inserted=versions.without_keys(events, keys).unionByName(versions.select_inserted(found)),
        replaced=versions.select_replaced(found) if sums.replaced else None,
        conflicts=versions.select_conflicts(found).where("not is_kept") if sums.refusing else None,
        freed=versions.select_conflicts(found).where("is_kept") if sums.freed else None,
    )


class StagingWriter:
    """Writes raw events into the lake's staging layer, typed tables of `contracts` included.

    `run` names the run to people. `check` is called before tables are written, and raises where none may be.
    """

    def __init__(
        self, settings: Settings, contracts: Contracts, *, run: str, check: Callable[[], None] = lambda: None
    ) -> None:
        self.contracts = contracts
        self._root = settings.lake.root
        self._keep = settings.staging.keep
        self._run = run
        self._check = check

    def write(self, chunk: Chunk, *, step: int, may_repeat: bool) -> Staged:
        """Have staging hold the events of `chunk`; a step that is repeated completes what a crash left of it.

        `may_repeat`: whether it could have been begun before. staging/events comes behind all that is added elsewhere:
        as long as it has nothing of the step, a repetition comes to the same changes; then it has all of it, and
        nothing is new. A version leaves staging/conflicts once it's in staging/events, so it's always in one of them.
        """
        if not chunk.rows:
            return Staged()
        root, events = self._root, chunk.events
        spark, here = events.sparkSession, known_places(chunk)
        staged = tables.read(spark, root, layout.STAGING_EVENTS).where(here)
        refused = tables.read(spark, root, layout.CONFLICTS).where(here)
        with (
            resolve(events, staged, refused, self._keep, chunk.rows) as changes,
            tables.note_commits(spark, self.note(changes.counts, step=step)),
        ):
            if changes.counts.inserted:
                dates = {day for day, _ in chunk.partitions} if may_repeat else ()
                typed_tables.append_fresh(changes.inserted, root, self.contracts, maybe_there=dates, check=self._check)
            if changes.replaced is not None:
                self._check()
                typed_tables.replace_events(changes.replaced, root, self.contracts)
            if changes.conflicts is not None:
                self._check()
                tables.merge(changes.conflicts, root, layout.CONFLICTS, on=_matching("refused_at"))
            if changes.replaced is not None:
                self._check()
                tables.merge(changes.replaced, root, layout.STAGING_EVENTS, on=_matching())
            if changes.counts.inserted:
                self._check()
                tables.append(_by_partition(changes.inserted), root, layout.STAGING_EVENTS)
            if changes.freed is not None:
                self._check()
                tables.merge(changes.freed, root, layout.CONFLICTS, on=_matching("refused_at"), delete="true")
            return changes.counts

    def rewrite(self, events: DataFrame, day: date) -> Staged:
        """Have staging hold, of this date, what `events` (`schemas.EVENT`) are: all that raw holds of it."""
        spark, root = events.sparkSession, self._root
        # A limit of 0 is known to be empty, so that a day's keys aren't broadcast to look for them in it.
        none, nothing = events.limit(0), spark.createDataFrame([], layout.CONFLICTS.schema)
        where = F.col("date") == F.lit(day)
        with (
            resolve(events, none, nothing, self._keep, events.count()) as changes,
            tables.note_commits(spark, self.note(changes.counts, rebuilt=day)),
        ):
            refused = nothing if changes.conflicts is None else changes.conflicts.select(*layout.CONFLICTS.schema.names)
            self._check()
            typed_tables.replace_dates(changes.inserted, root, self.contracts, day, day)
            self._check()
            tables.replace(refused, root, layout.CONFLICTS, where)
            self._check()
            tables.replace(_by_partition(changes.inserted), root, layout.STAGING_EVENTS, where)
            return changes.counts

    def note(self, counts: Staged, **about: object) -> str:
        """What the run's commits say of themselves in the tables' history, as JSON."""
        return json.dumps({"job": "build_staging", "run": self._run, **about, **vars(counts)}, default=str)


def _by_partition(events: DataFrame) -> DataFrame:
    """Spread so that each partition of staging/events gets one file, or more if it's large."""
    return events.hint("rebalance", *layout.STAGING_EVENTS.partitioned_by)


def _matching(position: str | None = None) -> str:
    """The condition for rows of one event, and where `position` is a column with it, at this position."""
    same = [f"target.{name} = source.{name}" for name in versions.KEY]
    if position:
        # A platform's connector tells no shard.
        same += [f"target.{name} <=> source.{position}.{name}" for name in versions.POSITION]
    return " and ".join(same)
