"""Reading and writing the lake's tables: the only use of Delta's API."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import date

from delta.tables import DeltaTable
from pyspark import StorageLevel
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from event_lake.errors import UserError
from event_lake.lake.formats import refuse_newer
from event_lake.lake.layout import LEDGER, RAW_EVENTS, Table
from event_lake.lake.session import set_for
from event_lake.lake.storage_errors import explain
from event_lake.lake.table_properties import explicit_properties

# The form of the values in our tables, the ledger's positions among them; tables of older versions have no number.
_FORMAT_PROPERTY, _FORMAT = "eventLake.format", 1


def create(spark: SparkSession, root: str, tables: Sequence[Table]) -> None:
    """Make the tables that don't exist yet, with the same properties on every cluster (`table_properties`)."""
    properties = explicit_properties(lambda name: spark.conf.get(name, None) is not None)
    for table in tables:
        made = DeltaTable.createIfNotExists(spark).location(table.path(root)).addColumns(table.schema)
        made = made.partitionedBy(*table.partitioned_by)
        for key, value in {
            **properties,
            "delta.dataSkippingStatsColumns": ",".join(table.statistics),
            _FORMAT_PROPERTY: str(_FORMAT),
        }.items():
            made = made.property(key, value)
        made.execute()


def refuse_newer_ledger(spark: SparkSession, root: str) -> None:
    """Raise UserError if a newer Event Lake wrote the ledger, whose positions this version might not understand."""
    if exists(spark, root, LEDGER):
        properties = DeltaTable.forPath(spark, LEDGER.path(root)).detail().collect()[0]["properties"]
        refuse_newer(LEDGER.path(root), properties.get(_FORMAT_PROPERTY), _FORMAT)


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
    values_of = {name: sorted({value for row in partitions for value in row[name]}) for name in table.partitioned_by}
    pruning = [f"target.{name} in ({', '.join(map(quote_literal, values))})" for name, values in values_of.items()]
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


def is_in_partitions(partitions: Collection[tuple[date, str]]) -> Column:
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
        known = explain(error, path)
        if known is None:
            raise
        raise known from None


@contextmanager
def cache(rows: DataFrame) -> Iterator[DataFrame]:
    """`rows`, which are made once while the block runs, however often they're looked at."""
    kept = rows.persist(StorageLevel.MEMORY_AND_DISK)
    try:
        yield kept
    finally:
        kept.unpersist()


def note_commits(spark: SparkSession, note: str) -> AbstractContextManager[None]:
    """Have each commit of the session carry `note` while the block runs: `userMetadata` in DESCRIBE HISTORY."""
    return set_for(spark, "spark.databricks.delta.commitInfo.userMetadata", note)


def enable_adaptive(spark: SparkSession) -> AbstractContextManager[None]:
    """Have adaptive execution, which Spark turns off in a stream's session, for the writes of one batch.

    Without it a REBALANCE hint does nothing, and every task writes a file into every partition.
    """
    return set_for(spark, "spark.sql.adaptive.enabled", "true")


def quote_literal(value: object) -> str:
    """`value` as a string in SQL."""
    return "'" + str(value).replace("\\", "\\\\").replace("'", "\\'") + "'"
