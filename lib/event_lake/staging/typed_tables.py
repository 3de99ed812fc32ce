"""The typed tables, one for each contract, and staging/rejected: made, evolved, written."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from functools import reduce
from operator import and_
from typing import TypeVar

from pyspark.sql import DataFrame, Observation, SparkSession
from pyspark.sql import functions as F
from pyspark.util import inheritable_thread_target

from event_lake.contracts.contract import Contract
from event_lake.contracts.evolution import Evolution, Held, plan_evolution
from event_lake.lake import layout, tables
from event_lake.lake.schemas import OTHER, TYPED
from event_lake.staging.typed import (
    KEEPS,
    rows_with_reasons,
    select_rejected,
    select_typed,
    typed_schema,
    validated_rows,
)

Contracts = Mapping[str, Contract]

# Much of a small write is Delta's driver waiting for the disk, or for S3.
_AT_ONCE = 4
# In one task, and so in one file.
_MOST_ROWS = 1_000_000
# Of the contract's own columns none: Spark would compile code for each table, half of what a small append costs.
_STATISTICS = ("event_uuid", "created_datetime", "arrived_at", "ingested_at")

_T = TypeVar("_T")


def table_of(contract: Contract) -> layout.Table:
    """The typed table of the contract's events."""
    return layout.typed_table(contract.event_type, typed_schema(contract), _STATISTICS)


def describe_changes(spark: SparkSession, root: str, contracts: Contracts) -> list[str]:
    """What `prepare` would do, a line for each table or column. Raises UserError as it does."""
    told = []
    for contract, evolved in _planned(spark, root, contracts):
        name = table_of(contract).name
        told += [f"{name}: made"] if evolved is None else [f"{name}: {line}" for line in evolved.lines()]
    return told


def prepare_tables(spark: SparkSession, root: str, contracts: Contracts) -> None:
    """Have a table for each contract, with its columns.

    Raises UserError, before anything is changed, if a contract can't hold what its table has (`evolution`). A wider
    type rewrites the table in one commit, a new column is one without data; after a crash, do it again.
    """
    planned = {contract.event_type: evolved for contract, evolved in _planned(spark, root, contracts)}

    def evolve(name: str) -> None:
        table, evolved = table_of(contracts[name]), planned[name]
        if evolved is None:
            tables.create(spark, root, [table])
        elif evolved.widened:
            _rewrite(spark, root, table)
        elif evolved:
            _alter(spark, root, table, evolved)

    _in_parallel(spark, evolve, contracts)


def append_fresh(
    fresh: DataFrame,
    root: str,
    contracts: Contracts,
    *,
    maybe_there: Collection[date] = (),
    check: Callable[[], None] = lambda: None,
) -> None:
    """Append each of the events `fresh` (`schemas.EVENT`) whose type has a contract to its table or to the rejected.

    `maybe_there`: the dates of `fresh`, if an attempt that was killed may have appended some of them; those are left
    out. `fresh` is read once for its types, once for each type in it (only its partition, where it lies in
    partitions), and once more for types that have events to reject. Types that didn't come cost nothing. `check` is
    called before each append, and raises where none may be: nothing else keeps the rows of two runs from being there.
    """
    counts = _counts(fresh, contracts)

    def append_type(name: str) -> int:
        table, kept = table_of(contracts[name]), Observation()
        typed = select_typed(_of_type(fresh, name), contracts[name]).observe(kept, F.count(F.lit(1)).alias("rows"))
        new = _without_known(typed, root, table, TYPED.names, maybe_there)
        check()
        tables.append(new.coalesce(1 + counts[name] // _MOST_ROWS), root, table)
        return _rows(kept)

    kept = _in_parallel(fresh.sparkSession, append_type, counts)
    broken = [contracts[name] for name, count in counts.items() if kept[name] != count]
    if broken:
        told = [name for name in layout.REJECTED.schema.names if name != "reasons"]
        new = _without_known(_rejected(fresh, broken), root, layout.REJECTED, told, maybe_there)
        check()
        tables.append(new.hint("rebalance", "date"), root, layout.REJECTED)


def _without_known(
    rows: DataFrame, root: str, table: layout.Table, columns: Sequence[str], dates: Collection[date]
) -> DataFrame:
    """Those of `rows` that aren't in the table in these dates, by `columns`; nothing is read where there's no date."""
    if not dates:
        return rows
    known = tables.read(rows.sparkSession, root, table).where(F.col("date").isin(*sorted(dates)))
    same = reduce(and_, (F.col(f"new.{name}").eqNullSafe(F.col(f"known.{name}")) for name in columns))
    return rows.alias("new").join(known.select(*columns).alias("known"), same, "left_anti")


def replace_events(rows: DataFrame, root: str, contracts: Contracts) -> None:
    """Have the events `rows` (`schemas.EVENT`; few) in place of their former versions, in typed tables and rejected.

    They are told by `versions.KEY`: by date and event_uuid within a type's table. Each table in one commit; doing it
    again has no effect.
    """
    spark = rows.sparkSession
    same = "target.event_uuid = source.event_uuid and target.date = source.date"
    counts = _counts(rows, contracts)

    def replace_type(name: str) -> None:
        judged = validated_rows(_of_type(rows, name), contracts[name])
        tables.merge(judged, root, table_of(contracts[name]), on=same, delete=f"not source.`{KEEPS}`")

    _in_parallel(spark, replace_type, counts)
    if counts:
        told = reduce(
            DataFrame.unionByName, (rows_with_reasons(_of_type(rows, name), contracts[name]) for name in counts)
        )
        on = f"{same} and target.event_type = source.event_type"
        tables.merge(told, root, layout.REJECTED, on=on, delete="size(source.reasons) = 0")


def replace_dates(rows: DataFrame, root: str, contracts: Contracts, first: date, last: date) -> None:
    """Have `rows`, all events of these dates (`schemas.EVENT`), in place of what the tables have of them.

    Each table in one commit; doing it again has no effect.
    """
    spark = rows.sparkSession
    where = F.col("date").between(F.lit(first), F.lit(last))
    counts = _counts(rows, contracts)

    def replace_type(name: str) -> int:
        kept = Observation()
        typed = select_typed(_of_type(rows, name), contracts[name]).observe(kept, F.count(F.lit(1)).alias("rows"))
        tables.replace(typed.hint("rebalance", "date"), root, table_of(contracts[name]), where)
        return _rows(kept)

    kept = _in_parallel(spark, replace_type, contracts)
    broken = [contracts[name] for name, count in counts.items() if kept[name] != count]
    none = spark.createDataFrame([], layout.REJECTED.schema)
    rejected = _rejected(rows, broken).hint("rebalance", "date") if broken else none
    tables.replace(rejected, root, layout.REJECTED, where)


def _planned(spark: SparkSession, root: str, contracts: Contracts) -> list[tuple[Contract, Evolution | None]]:
    """What each contract needs of its table; None: a table."""

    def plan(name: str) -> Evolution | None:
        table = table_of(contracts[name])
        if not tables.exists(spark, root, table):
            return None
        columns = tables.read(spark, root, table).schema
        held = {c.name: Held(c.dataType.simpleString(), c.metadata.get("comment", "")) for c in columns}
        return plan_evolution(contracts[name], held)

    return [(contracts[name], found) for name, found in _in_parallel(spark, plan, contracts).items()]


def _rewrite(spark: SparkSession, root: str, table: layout.Table) -> None:
    # Not Delta's type widening: delta-rs and DuckDB can't read such tables.
    held = tables.read(spark, root, table)
    columns = [
        (F.col(c.name) if c.name in held.columns else F.lit(None)).cast(c.dataType).alias(c.name, metadata=c.metadata)
        for c in table.schema
    ]
    (
        held.select(*columns)
        .hint("rebalance", *table.partitioned_by)
        .write.format("delta")
        .mode("overwrite")
        .option("overwriteSchema", "true")
        .partitionBy(*table.partitioned_by)
        .save(table.path(root))
    )


def _alter(spark: SparkSession, root: str, table: layout.Table, evolved: Evolution) -> None:
    name = f"delta.`{table.path(root)}`"
    if evolved.added:
        columns = ", ".join(f"`{c.name}` {c.type} comment {tables.quote_literal(c.comment)}" for c in evolved.added)
        spark.sql(f"alter table {name} add columns ({columns})")
    for column in evolved.described:
        spark.sql(f"alter table {name} alter column `{column.name}` comment {tables.quote_literal(column.comment)}")


def _counts(rows: DataFrame, contracts: Contracts) -> dict[str, int]:
    """How many rows there are of each type that has a contract, the largest first: they take longest."""
    if not contracts:
        return {}
    found = rows.groupBy("true_event_type").count().collect()
    counts = {row.true_event_type: row["count"] for row in found if row.true_event_type in contracts}
    return dict(sorted(counts.items(), key=lambda counted: -counted[1]))


def _of_type(rows: DataFrame, name: str) -> DataFrame:
    in_its_partition = F.col("event_type").isin(name, OTHER)
    return rows.where(in_its_partition & (F.col("true_event_type") == name))


def _rows(kept: Observation) -> int:
    # Where Spark finds that a frame is empty, it may leave out to observe it.
    return int(kept.get.get("rows", 0))


def _rejected(rows: DataFrame, contracts: Iterable[Contract]) -> DataFrame:
    parts = (select_rejected(_of_type(rows, contract.event_type), contract) for contract in contracts)
    return reduce(DataFrame.unionByName, parts)


def _in_parallel(spark: SparkSession, do: Callable[[str], _T], names: Iterable[str]) -> dict[str, _T]:
    """What `do` makes of each name, a few at once, with this thread's properties, by which Spark cancels its jobs."""
    names = list(names)
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        return dict(zip(names, threads.map(inheritable_thread_target(spark)(do), names), strict=True))
