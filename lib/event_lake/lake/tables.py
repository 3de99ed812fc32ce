"""The lake's tables, and the only use of Delta's API."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from delta.tables import DeltaTable
from pyspark import StorageLevel
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from event_lake.errors import UserError
from event_lake.lake import schemas
from event_lake.lake.storage_errors import explained
from event_lake.lake.table_properties import explicit


@dataclass(frozen=True)
class Table:
    """A table by its path below the lake's root. `statistics`: the columns that queries prune files by.

    `lies_in`: by partition column, under which values the table may hold what a row is a version of, as an array in
    SQL; it's the row's own value alone where nothing is said.
    """

    name: str
    schema: StructType
    partitioned_by: tuple[str, ...]
    statistics: tuple[str, ...]
    lies_in: tuple[tuple[str, str], ...] = ()

    def path(self, root: str) -> str:
        """Where it lies in the lake at `root`."""
        return f"{_absolute(root)}/{self.name}"


RAW_EVENTS = Table(
    "raw/events",
    schemas.EVENT,
    ("date", "event_type"),
    ("event_uuid", "created_datetime", "arrived_at", "ingested_at", "batch_id"),
)
QUARANTINE = Table("raw/quarantine", schemas.QUARANTINE, ("date",), ("arrived_at", "ingested_at", "batch_id"))
LEDGER = Table("raw/ledger", schemas.LEDGER, ("date",), ("shard_id", "ingested_at", "batch_id"))
EVENT_TYPES = Table("raw/event_types", schemas.EVENT_TYPE, (), ("batch_id",))
FINDINGS = Table("raw/findings", schemas.FINDING, (), ("batch_id",))
STAGING_EVENTS = Table(
    "staging/events",
    schemas.EVENT,
    ("date", "event_type"),
    ("event_uuid", "created_datetime", "arrived_at", "ingested_at"),
    # A type may have got a partition since, or lost it.
    (("event_type", f"array(event_type, true_event_type, '{schemas.OTHER}')"),),
)
CONFLICTS = Table("staging/conflicts", schemas.CONFLICT, ("date",), ("event_uuid", "event_type", "arrived_at"))
REJECTED = Table("staging/rejected", schemas.REJECTED, ("date",), ("event_uuid", "event_type", "arrived_at"))
METRICS = Table("quality/metrics", schemas.METRIC, ("date",), ("measure", "event_type", "hour"))
RAW = (RAW_EVENTS, QUARANTINE, LEDGER, EVENT_TYPES, FINDINGS)
STAGING = (STAGING_EVENTS, CONFLICTS, REJECTED, METRICS)


def checkpoint_path(root: str, query: str) -> str:
    """Where the checkpoint of the query named `query` lies."""
    return f"{_absolute(root)}/_checkpoints/{query}"


def _absolute(root: str) -> str:
    # Delta takes a relative path for the name of a table in the catalog.
    return root if "://" in root else str(Path(root).absolute())


def create(spark: SparkSession, root: str, tables: Sequence[Table]) -> None:
    """Make the tables that don't exist yet, with the same properties on every cluster (`table_properties`)."""
    properties = explicit(lambda name: spark.conf.get(name, None) is not None)
    for table in tables:
        made = DeltaTable.createIfNotExists(spark).location(table.path(root)).addColumns(table.schema)
        made = made.partitionedBy(*table.partitioned_by)
        for key, value in {**properties, "delta.dataSkippingStatsColumns": ",".join(table.statistics)}.items():
            made = made.property(key, value)
        made.execute()


def exists(spark: SparkSession, root: str, table: Table) -> bool:
    """Whether the table was made."""
    return DeltaTable.isDeltaTable(spark, table.path(root))


def refuse_missing_raw(spark: SparkSession, root: str) -> None:
    """Raise UserError if the lake has no raw/events: then there is nothing to read events from."""
    if not exists(spark, root, RAW_EVENTS):
        raise UserError(f"lake.root = {root!r} has no {RAW_EVENTS.name}: run ingest_raw first")


def read(spark: SparkSession, root: str, table: Table) -> DataFrame:
    """The table's rows as of now."""
    return spark.read.format("delta").load(table.path(root))


def newest_version(spark: SparkSession, root: str, table: Table) -> int:
    """The number of the table's newest commit."""
    return int(DeltaTable.forPath(spark, table.path(root)).history(1).collect()[0]["version"])


def bytes_per_row(spark: SparkSession, root: str, table: Table) -> float:
    """How many bytes of the table's data files a row takes on average; 1 where it has none.

    Both sums are in the table's log, so no file is read.
    """
    size = int(DeltaTable.forPath(spark, table.path(root)).detail().collect()[0]["sizeInBytes"])
    return max(1.0, size / max(1, read(spark, root, table).count()))


def at_version(spark: SparkSession, root: str, table: Table, version: int) -> DataFrame:
    """The table's rows as of a commit, whatever others do meanwhile."""
    return spark.read.format("delta").option("versionAsOf", version).load(table.path(root))


def append_once(rows: DataFrame, root: str, table: Table, *, writer: str, batch_id: int) -> None:
    """Append `rows`, unless `writer` has appended a batch with this id or a later one to this table before.

    `writer` identifies a stream of batches for ever: a query's id. Source: Delta Lake documentation, "Idempotent
    table writes in foreachBatch". A table that isn't there any more is an error: `save` would make another.
    """
    (
        rows.writeTo(f"delta.`{table.path(root)}`")
        .option("txnAppId", writer)
        .option("txnVersion", str(batch_id))
        .append()
    )


def append(rows: DataFrame, root: str, table: Table) -> None:
    """Append `rows`; who calls it sees to it that they aren't there.

    A third of `append_once`'s time in a small commit: to look up what a writer has appended, Delta needs all that the
    table's log says.
    """
    rows.writeTo(f"delta.`{table.path(root)}`").append()


def replace(rows: DataFrame, root: str, table: Table, where: Column) -> None:
    """Have `rows` in place of the rows `where`, which is over the table's partition columns; one commit.

    Raises UserError, naming the table, where somebody has forbidden that (`delta.appendOnly`).
    """
    with _named(table.path(root)):
        rows.writeTo(f"delta.`{table.path(root)}`").overwrite(where)


def merge(rows: DataFrame, root: str, table: Table, *, on: str, delete: str = "false") -> None:
    """Have `rows` in place of those that they match by `on`, a condition over `source` and `target`.

    Those that match none are inserted. Both unless `delete` holds, a condition over `source`: then the match is
    deleted. `rows` have the table's columns and any others, and are read twice: persist them. Matches are looked for in
    the partitions that `Table.lies_in` tells. Costs what these cost, whatever else the table holds. Raises what
    `replace` does.
    """
    told = dict(table.lies_in)
    lies = [F.expr(told.get(name, f"array({name})")).alias(name) for name in table.partitioned_by]
    partitions = rows.select(*lies).distinct().collect()
    if not partitions:
        return
    # Only literals on the target prune its files.
    pruning = [
        f"target.{name} in ({', '.join(map(literal, sorted({value for row in partitions for value in row[name]})))})"
        for name in table.partitioned_by
    ]
    values: dict[str, str | Column] = {name: f"source.{name}" for name in table.schema.names}
    with _named(table.path(root)):
        (
            DeltaTable.forPath(rows.sparkSession, table.path(root))
            .alias("target")
            .merge(rows.alias("source"), " and ".join([*pruning, on]))
            .whenMatchedDelete(delete)
            .whenMatchedUpdate(set=values)
            .whenNotMatchedInsert(f"not ({delete})", values=values)
            .execute()
        )


def in_partitions(partitions: Collection[tuple[date, str]]) -> Column:
    """That (`date`, `event_type`) is one of `partitions`, in a form by which Spark prunes a table's files."""
    types: dict[date, list[str]] = {}
    for day, event_type in sorted(partitions):
        types.setdefault(day, []).append(event_type)
    found = F.expr("false")
    for day, names in types.items():
        found |= (F.col("date") == F.lit(day)) & F.col("event_type").isin(names)
    return found


@contextmanager
def _named(path: str) -> Iterator[None]:
    """Have an error of the table at `path` that has an explanation say which table it is."""
    try:
        yield
    except Exception as error:
        known = explained(error, path)
        if known is None:
            raise
        raise known from None


@contextmanager
def cached(rows: DataFrame) -> Iterator[DataFrame]:
    """`rows`, which are made once while the block runs, however often they're looked at."""
    kept = rows.persist(StorageLevel.MEMORY_AND_DISK)
    try:
        yield kept
    finally:
        kept.unpersist()


@contextmanager
def noted(spark: SparkSession, note: str) -> Iterator[None]:
    """Have each commit of the session carry `note`: `userMetadata` in DESCRIBE HISTORY."""
    key = "spark.databricks.delta.commitInfo.userMetadata"
    spark.conf.set(key, note)
    try:
        yield
    finally:
        spark.conf.unset(key)


@contextmanager
def adaptive(spark: SparkSession) -> Iterator[None]:
    """With adaptive execution, which Spark turns off in a stream's session, for the writes of one batch.

    Without it a REBALANCE hint does nothing, and every task writes a file into every partition.
    """
    key = "spark.sql.adaptive.enabled"
    before = spark.conf.get(key) or "true"
    spark.conf.set(key, "true")
    try:
        yield
    finally:
        spark.conf.set(key, before)


def literal(value: object) -> str:
    """`value` as a string in SQL."""
    return "'" + str(value).replace("\\", "\\\\").replace("'", "\\'") + "'"
