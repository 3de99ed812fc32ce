"""Make, read and write the lake's tables. Everything that needs Delta's own API is here."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import date

from delta.tables import DeltaTable
from pyspark import StorageLevel
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from event_lake.errors import UserError
from event_lake.lake.formats import refuse_newer
from event_lake.lake.hadoop_files import HadoopFiles
from event_lake.lake.layout import LEDGER, RAW_EVENTS, Table
from event_lake.lake.session import set_for
from event_lake.lake.storage_errors import explain
from event_lake.lake.table_properties import explicit_properties

# The number of the format of the values in our tables, the ledger's positions included. Tables of older versions don't
# have the property.
_FORMAT_PROPERTY, _FORMAT = "eventLake.format", 1
# A merge names so many partitions at most, and so many values of each partition column.
_MOST_PLACES = 1_000


def create(spark: SparkSession, root: str, tables: Sequence[Table]) -> None:
    """Make those of the tables that don't exist yet, with the same properties on every cluster (`table_properties`)."""
    properties = explicit_properties(lambda name: spark.conf.get(name, None) is not None)
    for table in tables:
        if not exists(spark, root, table):
            _clear_half_made(spark, table.path(root))
        builder = DeltaTable.createIfNotExists(spark).location(table.path(root)).addColumns(table.schema)
        builder = builder.partitionedBy(*table.partitioned_by)
        statistics = {"delta.dataSkippingStatsColumns": ",".join(table.statistics)}
        for key, value in {**properties, **statistics, _FORMAT_PROPERTY: str(_FORMAT)}.items():
            builder = builder.property(key, value)
        builder.execute()


def _clear_half_made(spark: SparkSession, path: str) -> None:
    """Delete what is left of a table whose making was killed before its first commit.

    Delta doesn't create a table over that. Such a table has a log without a commit, and no file of data. A table that
    has lost its log stays as it is.
    """
    files, log = HadoopFiles(spark, path), f"{path}/_delta_log"
    if files.names(path) == ["_delta_log"] and not any(name[0].isdecimal() for name in files.names(log)):
        files.delete_folder(log)


def refuse_newer_ledger(spark: SparkSession, root: str) -> None:
    """Raise UserError if a newer Event Lake wrote the ledger, whose positions this version might not understand."""
    if exists(spark, root, LEDGER):
        properties = DeltaTable.forPath(spark, LEDGER.path(root)).detail().collect()[0]["properties"]
        refuse_newer(LEDGER.path(root), properties.get(_FORMAT_PROPERTY), _FORMAT)


def exists(spark: SparkSession, root: str, table: Table) -> bool:
    """True if the table exists."""
    return DeltaTable.isDeltaTable(spark, table.path(root))


def refuse_missing_raw(spark: SparkSession, root: str) -> None:
    """Raise UserError if the lake has no table raw/events."""
    if not exists(spark, root, RAW_EVENTS):
        raise UserError(f"lake.root = {root!r} has no {RAW_EVENTS.name}: run ingest_raw first")


def read(spark: SparkSession, root: str, table: Table) -> DataFrame:
    """Return the table's rows as of now."""
    return spark.read.format("delta").load(table.path(root))


def newest_version(spark: SparkSession, root: str, table: Table) -> int:
    """Return the number of the table's newest commit."""
    return int(DeltaTable.forPath(spark, table.path(root)).history(1).collect()[0]["version"])


def bytes_per_row(spark: SparkSession, root: str, table: Table) -> float:
    """Return how many bytes of the table's data files a row takes on average; at least 1, also for an empty table.

    Both sums are in the table's log, so no data file is read.
    """
    size = int(DeltaTable.forPath(spark, table.path(root)).detail().collect()[0]["sizeInBytes"])
    return max(1.0, size / max(1, read(spark, root, table).count()))


def at_version(spark: SparkSession, root: str, table: Table, version: int) -> DataFrame:
    """Return the table's rows as of the commit `version`: the same, however often they are read."""
    return spark.read.format("delta").option("versionAsOf", version).load(table.path(root))


def append_once(rows: DataFrame, root: str, table: Table, *, writer: str, batch_id: int) -> None:
    """Append `rows`, unless `writer` has appended a batch with this id or a later one to this table before.

    `writer` must name one sequence of batches for ever, as a query's id does. Source: Delta Lake documentation,
    "Idempotent table writes in foreachBatch". A table that is gone is an error; Delta's `save` would make a new one.
    Raise what `explain_errors` raises.
    """
    write = rows.writeTo(f"delta.`{table.path(root)}`").option("txnAppId", writer).option("txnVersion", str(batch_id))
    with explain_errors(table.path(root)):
        write.append()


def append(rows: DataFrame, root: str, table: Table) -> None:
    """Append `rows`, which the caller knows not to be in the table yet.

    A small commit takes a third of the time of `append_once`, for which Delta must read the table's whole log to learn
    which batches a writer has appended. Raise what `explain_errors` raises.
    """
    with explain_errors(table.path(root)):
        rows.writeTo(f"delta.`{table.path(root)}`").append()


def compact(spark: SparkSession, root: str, table: Table) -> None:
    """Write the rows of the table's small files into one file for each partition, in a commit that changes no row.

    The small files stay in the folder, for readers of older versions, until somebody calls VACUUM. The table may be one
    that takes only appends.
    """
    DeltaTable.forPath(spark, table.path(root)).optimize().executeCompaction()


def replace(rows: DataFrame, root: str, table: Table, where: Column) -> None:
    """Replace the rows for which `where` holds by `rows`, in one commit. `where` is over the partition columns.

    Raise what `explain_errors` raises; a UserError if somebody has allowed only appends to the table.
    """
    with explain_errors(table.path(root)):
        rows.writeTo(f"delta.`{table.path(root)}`").overwrite(where)


def rewrite(rows: DataFrame, root: str, table: Table) -> None:
    """Replace all rows of the table, and its columns, by those of `rows`, in one commit.

    Raise what `explain_errors` raises.
    """
    write = rows.write.format("delta").mode("overwrite").option("overwriteSchema", "true")
    with explain_errors(table.path(root)):
        write.partitionBy(*table.partitioned_by).save(table.path(root))


def merge(rows: DataFrame, root: str, table: Table, *, on: str, delete: str = "false") -> None:
    """Replace the table's rows that `rows` match, and insert those of `rows` that match none.

    `on` is the condition for a match, over `source` (a row of `rows`) and `target` (a row of the table). If the
    condition `delete`, over `source`, holds for a row, the row that it matches is deleted, and the row itself isn't
    written. `rows` have the table's columns, and may have others. They are read twice, so persist them.

    Matches are looked for in the partitions that `find_places` names, and only these cost time. Raise what
    `explain_errors` raises.
    """
    places = find_places(rows, table)
    if places is None:
        return
    # Delta skips the table's files only by literals.
    pruning = [f"target.{name} in ({', '.join(map(quote_literal, values))})" for name, values in places.items()]
    values: dict[str, str | Column] = {name: f"source.{name}" for name in table.schema.names}
    with explain_errors(table.path(root)):
        (
            DeltaTable.forPath(rows.sparkSession, table.path(root))
            .alias("target")
            .merge(rows.alias("source"), " and ".join([*pruning, on]))
            .whenMatchedDelete(delete)
            .whenMatchedUpdate(set=values)
            .whenNotMatchedInsert(f"not ({delete})", values=values)
            .execute()
        )


def find_places(rows: DataFrame, table: Table, most: int = _MOST_PLACES) -> Mapping[str, Sequence[str | date]] | None:
    """Return by partition column the values with which `rows` may lie in the table (`Table.lies_in`); None of no rows.

    A column with more than `most` values isn't among them if there are as many different combinations: a producer may
    send any number of event types.
    """
    lies_in = dict(table.lies_in)
    arrays = {name: F.expr(lies_in.get(name, f"array({name})")).alias(name) for name in table.partitioned_by}
    partitions = rows.select(*arrays.values()).distinct().limit(most + 1).collect()
    if not partitions:
        return None
    if len(partitions) <= most:
        return {name: sorted({value for row in partitions for value in row[name]}) for name in arrays}
    values = {
        name: rows.select(F.explode(array).alias("value")).distinct().limit(most + 1).collect()
        for name, array in arrays.items()
    }
    return {name: sorted(row.value for row in found) for name, found in values.items() if len(found) <= most}


def is_in_partitions(partitions: Collection[tuple[date, str]]) -> Column:
    """Return the condition that a row's (`date`, `event_type`) is one of `partitions`; it lets Spark skip files."""
    types: dict[date, list[str]] = {}
    for day, event_type in sorted(partitions):
        types.setdefault(day, []).append(event_type)
    is_in_one = F.expr("false")
    for day, names in types.items():
        is_in_one |= (F.col("date") == F.lit(day)) & F.col("event_type").isin(names)
    return is_in_one


@contextmanager
def explain_errors(path: str) -> Iterator[None]:
    """Raise the explanation of an error in the block, which writes to the table at `path`, in its place.

    That is what `storage_errors.explain` finds; an error without an explanation is raised as it is. The explanation has
    no cause: Delta's and Spark's own texts may hold values of rows, and whoever prints or logs it would show them.
    """
    try:
        yield
    except Exception as error:
        explained = explain(error, path)
        if explained is None:
            raise
        raise explained from None


@contextmanager
def cache(rows: DataFrame) -> Iterator[DataFrame]:
    """Keep `rows` in memory, or on disk, while the block runs, so that Spark computes them once for several reads."""
    persisted = rows.persist(StorageLevel.MEMORY_AND_DISK)
    try:
        yield persisted
    finally:
        persisted.unpersist()


def note_commits(spark: SparkSession, note: str) -> AbstractContextManager[None]:
    """Add `note` to each commit of the session while the block runs; DESCRIBE HISTORY shows it as `userMetadata`."""
    return set_for(spark, "spark.databricks.delta.commitInfo.userMetadata", note)


def enable_adaptive(spark: SparkSession) -> AbstractContextManager[None]:
    """Turn adaptive execution on while the block runs, which writes a batch of a stream.

    Spark turns it off in a stream's session. Without it a REBALANCE hint does nothing, and every task writes a file
    into every partition.
    """
    return set_for(spark, "spark.sql.adaptive.enabled", "true")


def quote_literal(value: object) -> str:
    """Return `value` as a string literal of SQL."""
    # Spark puts a setting's value in place of "${name}" anywhere in a statement.
    return "'" + str(value).replace("\\", "\\\\").replace("'", "\\'").replace("$", "\\u0024") + "'"
