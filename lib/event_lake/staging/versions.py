"""Tell the versions of an event apart, and choose the one that staging keeps. Pure.

Rows with the same `KEY` (date, type and event_uuid) are one event. A *version* of an event is all of its rows with one
payload; it has the position of the row that arrived first. One version is kept, and all others are conflicts. So what
staging holds depends only on the rows that raw has had, and not on the runs that took them.
"""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.window import Window

from event_lake.lake.json_columns import fingerprint
from event_lake.lake.schemas import CONFLICT, EVENT

# These columns identify an event. Its partition doesn't: that changes when the event's type gets a partition of its
# own.
KEY = ("date", "true_event_type", "event_uuid")
# These columns identify one copy of an event in the stream for ever.
POSITION = ("stream", "shard_id", "sequence_number", "sub_sequence_number", "arrived_at")

_HASH = "key"


def find_shared_keys(new_events: DataFrame, staged: DataFrame) -> DataFrame:
    """Return the keys that several rows of `new_events` have, or a row of `new_events` and one of `staged`.

    A key is a 64-bit hash of `KEY`, in the column `key`. Both frames have `schemas.EVENT`, but only `KEY` is read. The
    keys of `new_events` must fit into memory, with 16 bytes a row.
    """
    keys = _with_hash(new_events).select(_HASH)
    repeated = keys.groupBy(_HASH).count().where("count > 1").select(_HASH)
    # Hashes are broadcast rather than `KEY`: longs are small, and quick to look up for each event of a partition.
    known = _with_hash(staged).select(_HASH).join(F.broadcast(keys), _HASH, "left_semi")
    return repeated.union(known).distinct()


def with_keys(rows: DataFrame, keys: DataFrame) -> DataFrame:
    """Return those of `rows` whose keys are in `keys`, with the same columns.

    Two events may have the same hash by chance. It does no harm if `keys` has such a key.
    """
    return _with_hash(rows).join(keys, _HASH, "left_semi").drop(_HASH)


def without_keys(rows: DataFrame, keys: DataFrame) -> DataFrame:
    """Return those of `rows` whose keys aren't in `keys`, with the same columns."""
    return _with_hash(rows).join(keys, _HASH, "left_anti").drop(_HASH)


def rank_versions(new_events: DataFrame, staged: DataFrame, refused: DataFrame, keep: str) -> DataFrame:
    """Return a row for each version of each event in `new_events`, which says whether it's the one to keep.

    `new_events` and `staged` have `schemas.EVENT`, `refused` has `schemas.CONFLICT`. The latter two must hold all rows
    of staging/events and staging/conflicts that are versions of the events in `new_events`. `keep` is "first": the
    version that arrived first is kept; or "latest": the one with the latest `created_at`, and among these the one that
    arrived last.

    The rows have the columns of `schemas.CONFLICT`, where `kept` is the position of the version to keep, and:

    - `is_kept`: this version is the one to keep.
    - `is_known`: staging/events has a version of the event.
    - `staged_at`: the position that this version has in staging/events; null if it isn't there.
    - `refused_at`: the position that it has in staging/conflicts, and `refused_for`, that row's `kept`; likewise.
    """
    none = F.lit(None).cast(CONFLICT["kept"].dataType)
    at, event = F.struct(*POSITION), F.struct(*EVENT.names)
    nowhere = {"staged_at": none, "refused_at": none, "refused_for": none}
    rows = (
        new_events.withColumns(nowhere)
        .unionByName(staged.withColumns(nowhere | {"staged_at": at}))
        .unionByName(refused.withColumns(nowhere | {"refused_at": at, "refused_for": F.col("kept")}).drop("kept"))
    )
    merged = (
        rows.groupBy(*KEY, fingerprint(F.col("payload")).alias("fingerprint"))
        .agg(
            F.min_by(event, F.struct(*_arrival())).alias("event"),
            *(F.max(name).alias(name) for name in ("staged_at", "refused_at", "refused_for")),
        )
        .select("event.*", "staged_at", "refused_at", "refused_for")
    )
    same_event = Window.partitionBy(*KEY)
    preferred = same_event.orderBy(*_preference(keep))
    return merged.withColumns(
        {
            "kept": F.first(at).over(preferred),
            "is_kept": F.row_number().over(preferred) == 1,
            "is_known": F.max("staged_at").over(same_event).isNotNull(),
        }
    )


def select_inserted(ranked: DataFrame) -> DataFrame:
    """Return the events of which staging/events has no version yet, from the rows of `rank_versions`."""
    return ranked.where("is_kept and not is_known").select(*EVENT.names)


def select_replaced(ranked: DataFrame) -> DataFrame:
    """Return the events that must replace their versions in staging/events, from the rows of `rank_versions`."""
    return ranked.where(is_replacing()).select(*EVENT.names)


def is_replacing() -> Column:
    """Return the condition that a row of `rank_versions` must replace the version of its event in staging/events."""
    return F.col("is_kept") & F.col("is_known") & ~F.struct(*POSITION).eqNullSafe(F.col("staged_at"))


def select_conflicts(ranked: DataFrame) -> DataFrame:
    """Return the changes of staging/conflicts, from the rows of `rank_versions`.

    They have `schemas.CONFLICT`, `refused_at` and `is_kept`. A row replaces the one in staging/conflicts at
    `refused_at`, or is a new one if that is null. If `is_kept`, the row at `refused_at` is deleted instead.
    """
    return ranked.where(is_refusing()).select(*CONFLICT.names, "refused_at", "is_kept")


def is_refusing() -> Column:
    """Return the condition that a row of `rank_versions` changes staging/conflicts."""
    was_refused = F.col("refused_at").isNotNull()
    differs = ~(F.struct(*POSITION).eqNullSafe(F.col("refused_at")) & F.col("kept").eqNullSafe(F.col("refused_for")))
    return (F.col("is_kept") & was_refused) | (~F.col("is_kept") & differs)


def _with_hash(rows: DataFrame) -> DataFrame:
    return rows.withColumn(_HASH, F.xxhash64(*KEY))


def _arrival() -> tuple[Column, ...]:
    # Sequence numbers have any number of digits: the shorter text is the lower number.
    number = F.col("sequence_number")
    return (F.col("arrived_at"), F.length(number), number, *map(F.col, ("sub_sequence_number", "shard_id", "stream")))


def _preference(keep: str) -> tuple[Column, ...]:
    if keep == "first":
        return _arrival()
    return (F.col("created_at").desc(), *(column.desc() for column in _arrival()))
