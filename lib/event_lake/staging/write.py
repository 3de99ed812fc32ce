"""Write a chunk of raw events to staging's tables, so that each table holds each event once."""

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
    """Counts of what became of the events that staging took from raw: `came` is how many these were.

    `inserted` events are new in staging. `replaced` ones took the place of another version of their event; that version
    is a conflict from then on. `conflicts` are new versions that aren't kept. `duplicates` are copies of a version that
    staging had, or that came in the same step.
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
    """The changes that a chunk makes to staging; a frame is None if it would be empty.

    `inserted` events are added to staging/events, and `replaced` ones put in place of other versions. `conflicts` are
    written to staging/conflicts, and `freed` ones deleted from it, because they are kept now.
    """

    counts: Staged
    inserted: DataFrame
    replaced: DataFrame | None = None
    conflicts: DataFrame | None = None
    freed: DataFrame | None = None


@contextmanager
def resolve(events: DataFrame, staged: DataFrame, refused: DataFrame, keep: str, rows: int) -> Iterator[Resolved]:
    """Find the changes that `events` make to staging. They can be used while the block runs.

    `events` are `rows` rows of raw/events. `staged` and `refused` are the rows of staging/events and staging/conflicts
    in all partitions that may hold versions of them. `keep` is for `rank_versions`. Nearly always all events are new;
    then nothing but the keys is read.
    """
    with tables.cache(versions.find_shared_keys(events, staged)) as keys:
        if not keys.count():
            yield Resolved(counts=Staged(came=rows, inserted=rows), inserted=events)
            return
        staged, refused = versions.with_keys(staged, keys), versions.with_keys(refused, keys)
        with tables.cache(versions.with_keys(events, keys)) as shared:
            # A cache of these rows would be computed again whenever one of staging's tables was written.
            ranked = versions.rank_versions(shared, staged, refused, keep).localCheckpoint()
            yield _changes(events, keys, ranked, rows, shared.count())


def _changes(events: DataFrame, keys: DataFrame, ranked: DataFrame, rows: int, shared: int) -> Resolved:
    is_new = F.col("staged_at").isNull() & F.col("refused_at").isNull()
    sums = ranked.select(
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
        inserted=versions.without_keys(events, keys).unionByName(versions.select_inserted(ranked)),
        replaced=versions.select_replaced(ranked) if sums.replaced else None,
        conflicts=versions.select_conflicts(ranked).where("not is_kept") if sums.refusing else None,
        freed=versions.select_conflicts(ranked).where("is_kept") if sums.freed else None,
    )


class StagingWriter:
    """A writer of the lake's staging layer, with the typed tables of `contracts`.

    `run` names the run to people. `check` is called before each write, and raises if none is allowed.
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
        """Write the events of `chunk`, and return their counts. A step that is repeated completes what a crash left.

        `may_repeat`: an earlier run may have begun this step. staging/events is written after everything that is added
        to other tables. While it has nothing of the step, a repetition finds the same changes; once it has all of it,
        a repetition finds nothing new. A version is deleted from staging/conflicts only when it's in staging/events, so
        it's always in one of the two.
        """
        if not chunk.rows:
            return Staged()
        root, events = self._root, chunk.events
        spark, may_match = events.sparkSession, known_places(chunk)
        staged = tables.read(spark, root, layout.STAGING_EVENTS).where(may_match)
        refused = tables.read(spark, root, layout.CONFLICTS).where(may_match)
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
        """Replace what staging holds of the date `day` by `events` (`schemas.EVENT`), all that raw holds of it."""
        spark, root = events.sparkSession, self._root
        # Spark knows that a limit of 0 is empty, and then doesn't broadcast the day's keys to look for them in it.
        no_events, no_conflicts = events.limit(0), spark.createDataFrame([], layout.CONFLICTS.schema)
        where = F.col("date") == F.lit(day)
        with (
            resolve(events, no_events, no_conflicts, self._keep, events.count()) as changes,
            tables.note_commits(spark, self.note(changes.counts, rebuilt=day)),
        ):
            conflicts = changes.conflicts
            refused = no_conflicts if conflicts is None else conflicts.select(*layout.CONFLICTS.schema.names)
            self._check()
            typed_tables.replace_dates(changes.inserted, root, self.contracts, day, day)
            self._check()
            tables.replace(refused, root, layout.CONFLICTS, where)
            self._check()
            tables.replace(_by_partition(changes.inserted), root, layout.STAGING_EVENTS, where)
            return changes.counts

    def note(self, counts: Staged, **about: object) -> str:
        """Return the JSON that the run's commits show as `userMetadata` in the tables' history."""
        return json.dumps({"job": "build_staging", "run": self._run, **about, **vars(counts)}, default=str)


def _by_partition(events: DataFrame) -> DataFrame:
    """Return `events`, distributed so that each partition of staging/events gets one file, or several if it's large."""
    return events.hint("rebalance", *layout.STAGING_EVENTS.partitioned_by)


def _matching(position: str | None = None) -> str:
    """Return the condition that two rows are of one event and, if `position` names a column, at its position."""
    same = [f"target.{name} = source.{name}" for name in versions.KEY]
    if position:
        # Platforms' connectors, which older versions could read with, left the shard null.
        same += [f"target.{name} <=> source.{position}.{name}" for name in versions.POSITION]
    return " and ".join(same)
