"""Make, evolve and write the typed tables, one for each contract, and staging/rejected."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date
from functools import reduce
from operator import and_

from pyspark.sql import DataFrame, Observation, SparkSession
from pyspark.sql import functions as F

from event_lake.contracts.contract import Contract
from event_lake.contracts.evolution import Evolution, TableColumn, plan_evolution
from event_lake.lake import columns, layout, tables
from event_lake.lake.catalog_names import typed_name
from event_lake.lake.descriptions import Description
from event_lake.lake.parallel import in_parallel
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

# The most rows that go into one file, as one task writes them.
_MOST_ROWS = 1_000_000


def table_of(contract: Contract) -> layout.Table:
    """Return the typed table of the contract's events."""
    return layout.typed_table(contract.event_type, typed_schema(contract))


def describe_table(contract: Contract) -> Description:
    """Return how a catalog shows the typed table of the contract's events."""
    comment = f"Events of the type {contract.event_type}. {contract.description or columns.TYPED_ROWS}"
    own = {column.name: column.comment for column in contract.columns if column.comment}
    return Description(typed_name(contract.event_type), table_of(contract), comment, {**columns.TYPED, **own})


def describe_changes(spark: SparkSession, root: str, contracts: Contracts) -> list[str]:
    """Return what `prepare_tables` would do, in a line for each table or column. Raise UserError as it does."""
    lines = []
    for contract, evolution in _plan(spark, root, contracts):
        name = table_of(contract).name
        lines += [f"{name}: made"] if evolution is None else [f"{name}: {line}" for line in evolution.lines()]
    return lines


def prepare_tables(spark: SparkSession, root: str, contracts: Contracts) -> None:
    """Make a table for each contract, or give its table the contract's columns.

    Raise UserError, before any table is changed, if a contract can't hold all values of its table (`evolution`). A
    wider type rewrites the table in one commit; a new column costs a commit without data. After a crash, call this
    again: it does what is left.
    """
    evolutions = {contract.event_type: evolution for contract, evolution in _plan(spark, root, contracts)}

    def evolve(name: str) -> None:
        table, evolution = table_of(contracts[name]), evolutions[name]
        if evolution is None:
            tables.create(spark, root, [table])
        elif evolution.widened:
            _rewrite(spark, root, table)
        elif evolution:
            _alter(spark, root, table, evolution)

    in_parallel(spark, evolve, contracts)


def append_fresh(
    fresh: DataFrame,
    root: str,
    contracts: Contracts,
    *,
    maybe_there: Collection[date] = (),
    check: Callable[[], None] = lambda: None,
) -> None:
    """Append each event in `fresh` (`schemas.EVENT`) whose type has a contract to its typed table, or to the rejected.

    If a killed run may have appended some of them, `maybe_there` has the dates of `fresh`; events that are there
    already are left out then. `check` is called before each append, and raises if none is allowed: nothing else
    prevents two runs from appending the same events.

    `fresh` is read once to count its types, once for each type in it (only the type's partitions, if it's partitioned),
    and once more for types that have events to reject. Other types cost nothing.
    """
    counts = _count_by_type(fresh, contracts)

    def append_type(name: str) -> int:
        table, observation = table_of(contracts[name]), Observation()
        typed = select_typed(_of_types(fresh, name), contracts[name])
        typed = typed.observe(observation, F.count(F.lit(1)).alias("rows"))
        new = _without_known(typed, root, table, TYPED.names, maybe_there)
        check()
        tables.append(new.coalesce(1 + counts[name] // _MOST_ROWS), root, table)
        return _observed_rows(observation)

    typed_counts = in_parallel(fresh.sparkSession, append_type, counts)
    broken = [contracts[name] for name, count in counts.items() if typed_counts[name] != count]
    if broken:
        columns = [name for name in layout.REJECTED.schema.names if name != "reasons"]
        new = _without_known(_rejected(fresh, broken), root, layout.REJECTED, columns, maybe_there)
        check()
        tables.append(new.hint("rebalance", "date"), root, layout.REJECTED)


def _without_known(
    rows: DataFrame, root: str, table: layout.Table, columns: Sequence[str], dates: Collection[date]
) -> DataFrame:
    """Return those of `rows` that the table doesn't have in `dates`, by the values of `columns`.

    Without dates return all of them, and don't read the table.
    """
    if not dates:
        return rows
    known = tables.read(rows.sparkSession, root, table).where(F.col("date").isin(*sorted(dates)))
    is_same = reduce(and_, (F.col(f"new.{name}").eqNullSafe(F.col(f"known.{name}")) for name in columns))
    return rows.alias("new").join(known.select(*columns).alias("known"), is_same, "left_anti")


def replace_events(rows: DataFrame, root: str, contracts: Contracts) -> None:
    """Replace the former versions of the events `rows` by these, in the typed tables and in staging/rejected.

    `rows` have `schemas.EVENT`, and should be few. `versions.KEY` identifies an event: within a type's table, its date
    and event_uuid. Each table changes in one commit; to repeat all of it has no effect.
    """
    spark = rows.sparkSession
    is_same = "target.event_uuid = source.event_uuid and target.date = source.date"
    counts = _count_by_type(rows, contracts)

    def replace_type(name: str) -> None:
        validated = validated_rows(_of_types(rows, name), contracts[name])
        tables.merge(validated, root, table_of(contracts[name]), on=is_same, delete=f"not source.`{KEEPS}`")

    in_parallel(spark, replace_type, counts)
    if counts:
        with_reasons = reduce(
            DataFrame.unionByName, (rows_with_reasons(_of_types(rows, name), contracts[name]) for name in counts)
        )
        on = f"{is_same} and target.event_type = source.event_type"
        tables.merge(with_reasons, root, layout.REJECTED, on=on, delete="size(source.reasons) = 0")


def replace_dates(rows: DataFrame, root: str, contracts: Contracts, first: date, last: date) -> None:
    """Replace what the typed tables and staging/rejected hold of the dates from `first` to `last`.

    `rows` (`schemas.EVENT`) are all events of these dates. Each table changes in one commit; to repeat all of it has no
    effect.
    """
    spark = rows.sparkSession
    where = F.col("date").between(F.lit(first), F.lit(last))
    counts = _count_by_type(rows, contracts)

    def replace_type(name: str) -> int:
        observation = Observation()
        typed = select_typed(_of_types(rows, name), contracts[name])
        typed = typed.observe(observation, F.count(F.lit(1)).alias("rows"))
        tables.replace(typed.hint("rebalance", "date"), root, table_of(contracts[name]), where)
        return _observed_rows(observation)

    typed_counts = in_parallel(spark, replace_type, contracts)
    broken = [contracts[name] for name, count in counts.items() if typed_counts[name] != count]
    none = spark.createDataFrame([], layout.REJECTED.schema)
    rejected = _rejected(rows, broken).hint("rebalance", "date") if broken else none
    tables.replace(rejected, root, layout.REJECTED, where)


def _plan(spark: SparkSession, root: str, contracts: Contracts) -> list[tuple[Contract, Evolution | None]]:
    """Return each contract with the changes that its table needs, or None if it has no table yet."""

    def plan(name: str) -> Evolution | None:
        table = table_of(contracts[name])
        if not tables.exists(spark, root, table):
            return None
        schema = tables.read(spark, root, table).schema
        columns = {c.name: TableColumn(c.dataType.simpleString(), c.metadata.get("comment", "")) for c in schema}
        return plan_evolution(contracts[name], columns)

    return [(contracts[name], evolution) for name, evolution in in_parallel(spark, plan, contracts).items()]


def _rewrite(spark: SparkSession, root: str, table: layout.Table) -> None:
    # Delta's type widening would save this, but delta-rs and DuckDB can't read such tables.
    rows = tables.read(spark, root, table)
    columns = [
        (F.col(c.name) if c.name in rows.columns else F.lit(None)).cast(c.dataType).alias(c.name, metadata=c.metadata)
        for c in table.schema
    ]
    tables.rewrite(rows.select(*columns).hint("rebalance", *table.partitioned_by), root, table)


def _alter(spark: SparkSession, root: str, table: layout.Table, evolution: Evolution) -> None:
    name = f"delta.`{table.path(root)}`"
    if evolution.added:
        columns = ", ".join(f"`{c.name}` {c.type} comment {tables.quote_literal(c.comment)}" for c in evolution.added)
        spark.sql(f"alter table {name} add columns ({columns})")
    for column in evolution.described:
        spark.sql(f"alter table {name} alter column `{column.name}` comment {tables.quote_literal(column.comment)}")


def _count_by_type(rows: DataFrame, contracts: Contracts) -> dict[str, int]:
    """Count the rows of each type that has a contract. The largest types come first, as they take longest to write."""
    if not contracts:
        return {}
    counts = {row.true_event_type: row["count"] for row in count_types(rows, contracts).collect()}
    return dict(sorted(counts.items(), key=lambda item: -item[1]))


def count_types(rows: DataFrame, types: Iterable[str]) -> DataFrame:
    """Count the rows (`schemas.EVENT`) of each of `types`. Return `true_event_type` and `count`.

    Others' partitions aren't read, and there are no rows of other types, of which producers may send any number.
    """
    return _of_types(rows, *types).groupBy("true_event_type").count()


def _of_types(rows: DataFrame, *names: str) -> DataFrame:
    in_their_partitions = F.col("event_type").isin(*names, OTHER)
    return rows.where(in_their_partitions & F.col("true_event_type").isin(*names))


def _observed_rows(observation: Observation) -> int:
    # If Spark finds that a frame is empty, it may skip the observation.
    return int(observation.get.get("rows", 0))


def _rejected(rows: DataFrame, contracts: Iterable[Contract]) -> DataFrame:
    parts = (select_rejected(_of_types(rows, contract.event_type), contract) for contract in contracts)
    return reduce(DataFrame.unionByName, parts)
