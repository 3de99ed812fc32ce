"""Events that share an event_uuid on a date, under a type: which are copies, and which of them is kept. Pure.

A *version* of an event is all its copies with one payload; it stands where its first copy does. One version is kept,
any other is a conflict. So what staging holds depends on the rows that raw has had, and not on the runs that took them.
"""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.window import Window

from event_lake.lake.schemas import CONFLICT, EVENT

# What an event is told by; one version of each is kept. Not by its partition: that changes once its type has its own.
KEY = ("date", "true_event_type", "event_uuid")
# Names an event's copy, in the lake for ever.
POSITION = ("stream", "shard_id", "sequence_number", "sub_sequence_number", "arrived_at")

_HASH = "key"


def find_shared_keys(came: DataFrame, staged: DataFrame) -> DataFrame:
    """The keys (`key`, a hash of `KEY`) that several rows of `came` have, or one of `came` and one of `staged`.

    Both have `schemas.EVENT`; only `KEY` is read of them. `came` must fit into memory by 16 bytes a row.
    """
    keys = _keyed(came).select(_HASH)
    repeated = keys.groupBy(_HASH).count().where("count > 1").select(_HASH)
    # Hashes, not the keys: a broadcast of longs is small, and quick to look up for each of a partition's events.
    known = _keyed(staged).select(_HASH).join(F.broadcast(keys), _HASH, "left_semi")
    return repeated.union(known).distinct()


def with_keys(rows: DataFrame, keys: DataFrame) -> DataFrame:
    """Those of `rows` whose keys are in `keys`; same columns. An event whose key is in it by chance is harmless."""
    return _keyed(rows).join(keys, _HASH, "left_semi").drop(_HASH)


def without_keys(rows: DataFrame, keys: DataFrame) -> DataFrame:
    """The complement of `with_keys`: where `keys` are shared ones, events with a `KEY` of their own."""
    return _keyed(rows).join(keys, _HASH, "left_anti").drop(_HASH)


def rank_versions(came: DataFrame, staged: DataFrame, refused: DataFrame, keep: str) -> DataFrame:
    """Each version of each event in `came` (`schemas.EVENT`), as it stands once those have come.

    `staged` (`schemas.EVENT`) and `refused` (`schemas.CONFLICT`) must hold all rows there are of the events in `came`.
    Columns: `schemas.CONFLICT`, in which `kept` is the position of the version that is kept, also in that version's
    own row (`is_kept`); `staged_at` and `refused_at`, the position that the version has in staging/events and in
    staging/conflicts, and `refused_for`, that row's `kept`; `is_known`, whether the event is in staging/events.
    `keep` is "first": the version that arrived first; or "latest": by `created_at`, then the one that arrived last.
    """
    none = F.lit(None).cast(CONFLICT["kept"].dataType)
    at, event = F.struct(*POSITION), F.struct(*EVENT.names)
    nowhere = {"staged_at": none, "refused_at": none, "refused_for": none}
    rows = (
        came.withColumns(nowhere)
        .unionByName(staged.withColumns(nowhere | {"staged_at": at}))
        .unionByName(refused.withColumns(nowhere | {"refused_at": at, "refused_for": F.col("kept")}).drop("kept"))
    )
    merged = (
        rows.groupBy(*KEY, _fingerprint().alias("fingerprint"))
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


def select_inserted(resolved: DataFrame) -> DataFrame:
    """Of `versions`: the events that staging/events doesn't hold yet."""
    return resolved.where("is_kept and not is_known").select(*EVENT.names)


def select_replaced(resolved: DataFrame) -> DataFrame:
    """Of `versions`: what staging/events must hold of events in place of what it holds."""
    return resolved.where(is_replacing()).select(*EVENT.names)


def is_replacing() -> Column:
    """Whether a row of `versions` must take the place of what staging/events holds of its event."""
    return F.col("is_kept") & F.col("is_known") & ~F.struct(*POSITION).eqNullSafe(F.col("staged_at"))


def select_conflicts(resolved: DataFrame) -> DataFrame:
    """Of `versions`: the changes of staging/conflicts, rows of `schemas.CONFLICT` with `refused_at` and `is_kept`.

    A row replaces the one at `refused_at`; it's a new one where that is null, and takes it away where `is_kept`.
    """
    return resolved.where(is_refusing()).select(*CONFLICT.names, "refused_at", "is_kept")


def is_refusing() -> Column:
    """Whether a row of `versions` changes staging/conflicts."""
    was = F.col("refused_at").isNotNull()
    moved = ~(F.struct(*POSITION).eqNullSafe(F.col("refused_at")) & F.col("kept").eqNullSafe(F.col("refused_for")))
    return (F.col("is_kept") & was) | (~F.col("is_kept") & moved)


def _keyed(rows: DataFrame) -> DataFrame:
    return rows.withColumn(_HASH, F.xxhash64(*KEY))


def _fingerprint() -> Column:
    # A variant's keys are sorted, and its text has no spacing. None of a text whose objects have a key twice, or that
    # is larger than a variant may be: such versions differ if their texts do.
    return F.xxhash64(F.coalesce(F.to_json(F.try_parse_json("payload")), F.col("payload")))


def _arrival() -> tuple[Column, ...]:
    # Sequence numbers are numbers of any length, so the shorter text is the lower one.
    number = F.col("sequence_number")
    return (F.col("arrived_at"), F.length(number), number, *map(F.col, ("sub_sequence_number", "shard_id", "stream")))


def _preference(keep: str) -> tuple[Column, ...]:
    if keep == "first":
        return _arrival()
    return (F.col("created_at").desc(), *(column.desc() for column in _arrival()))
