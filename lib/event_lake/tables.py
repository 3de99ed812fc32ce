"""The lake's tables, and the only use of Delta's API."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from delta.tables import DeltaTable
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructType

from event_lake import schemas


@dataclass(frozen=True)
class Table:
    """A table by its path below the lake's root. `statistics`: the columns that queries prune files by."""

    name: str
    schema: StructType
    partitioned_by: tuple[str, ...]
    statistics: tuple[str, ...]

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
STAGING_EVENTS = Table(
    "staging/events",
    schemas.STAGED,
    ("date", "event_type"),
    ("event_uuid", "created_datetime", "arrived_at", "ingested_at"),
)
CONFLICTS = Table("staging/conflicts", schemas.CONFLICT, ("date",), ("event_uuid", "event_type", "arrived_at"))
REJECTED = Table("staging/rejected", schemas.REJECTED, ("date",), ("event_uuid", "event_type", "arrived_at"))
METRICS = Table("quality/metrics", schemas.METRIC, ("date",), ("measure", "event_type", "hour"))
RAW = (RAW_EVENTS, QUARANTINE, LEDGER, EVENT_TYPES)
STAGING = (STAGING_EVENTS, CONFLICTS, REJECTED, METRICS)


def checkpoint_path(root: str, query: str) -> str:
    """Where the checkpoint of the query named `query` lies."""
    return f"{_absolute(root)}/_checkpoints/{query}"


def _absolute(root: str) -> str:
    # Delta takes a relative path for the name of a table in the catalog.
    return root if "://" in root else str(Path(root).absolute())


def create(spark: SparkSession, root: str, tables: Sequence[Table]) -> None:
    """Make the tables that don't exist yet."""
    for table in tables:
        (
            DeltaTable.createIfNotExists(spark)
            .location(table.path(root))
            .addColumns(table.schema)
            .partitionedBy(*table.partitioned_by)
            .property("delta.dataSkippingStatsColumns", ",".join(table.statistics))
            .execute()
        )


def exists(spark: SparkSession, root: str, table: Table) -> bool:
    """Whether the table was made."""
    return DeltaTable.isDeltaTable(spark, table.path(root))


def read(spark: SparkSession, root: str, table: Table) -> DataFrame:
    """The table's rows as of now."""
    return spark.read.format("delta").load(table.path(root))


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


def insert_new(rows: DataFrame, root: str, table: Table, *, key: str) -> int:
    """Insert those of `rows` whose `key` the table's partitions don't hold yet; returns how many.

    `rows` have distinct keys and are read twice: persist them. Costs what the partitions of `rows` cost, whatever
    else the table holds: they are named in the condition, as only literals on the target prune its files.
    """
    partitions = rows.select(*table.partitioned_by).distinct().collect()
    if not partitions:
        return 0
    pruning = [
        f"target.{name} in ({', '.join(map(_literal, sorted({row[name] for row in partitions})))})"
        for name in table.partitioned_by
    ]
    joined = [f"target.{name} = source.{name}" for name in (key, *table.partitioned_by)]
    merged = (
        DeltaTable.forPath(rows.sparkSession, table.path(root))
        .alias("target")
        .merge(rows.alias("source"), " and ".join([*pruning, *joined]))
        .whenNotMatchedInsertAll()
        .execute()
    )
    return int(merged.collect()[0]["num_inserted_rows"])


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


def _literal(value: object) -> str:
    return "'" + str(value).replace("\\", "\\\\").replace("'", "\\'") + "'"
