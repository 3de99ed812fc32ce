"""Read events by their types' contracts: the payloads as typed columns, or the reasons why they break it. Pure.

`staging.reading` says which JSON values can be read as which type.
"""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StructField, StructType

from event_lake.contracts.contract import Contract
from event_lake.lake.schemas import REJECTED, TYPED
from event_lake.staging.reading import Reading, data_type

# The name of a column that is true if a row keeps its contract. No column of a contract can have this name.
KEEPS = "keeps.its.contract"


def typed_schema(contract: Contract) -> StructType:
    """Return the columns of the contract's typed table: those of `schemas.TYPED`, then the contract's own."""
    own = [
        StructField(c.name, data_type(c.type), metadata={"comment": c.comment} if c.comment else {})
        for c in contract.columns
    ]
    return StructType([*TYPED, *own])


def select_typed(rows: DataFrame, contract: Contract) -> DataFrame:
    """Return those of `rows` that keep the contract, with the columns of `typed_schema`.

    `rows` have `schemas.EVENT`, and are of the contract's type. Each is either here or in `select_rejected`.
    """
    return validated_rows(rows, contract).where(f"`{KEEPS}`").drop(KEEPS)


def select_rejected(rows: DataFrame, contract: Contract) -> DataFrame:
    """Return those of `rows` that break the contract, as `schemas.REJECTED`, with all reasons in the columns' order.

    `rows` have `schemas.EVENT`, and are of the contract's type. The reasons of a column are:

    - `missing`: it's required, but null or not there.
    - `wrong_type`: it can't be read as the column's type (`reading`), or a key on the way to it holds no object.
    - `not_allowed`, `out_of_range`: it can be read, but isn't one of the allowed values, or within the bounds.

    `unreadable` has no column: Spark can't read the payload, because a number has more than 1,000 digits, or an object
    has a key twice, once with a value that isn't of the type.
    """
    reading = Reading(contract)
    return _with_reasons(reading.read(rows).where(~reading.keeps()), reading)


def validated_rows(rows: DataFrame, contract: Contract) -> DataFrame:
    """Return all of `rows` with the columns of `typed_schema`, and `KEEPS`: true if the row keeps the contract."""
    reading = Reading(contract)
    values = [reading.value(c).alias(c.name) for c in contract.columns]
    return reading.read(rows).select(*TYPED.names, *values, reading.keeps().alias(KEEPS))


def rows_with_reasons(rows: DataFrame, contract: Contract) -> DataFrame:
    """Return all of `rows` as `select_rejected` does; those that keep the contract have no reasons."""
    reading = Reading(contract)
    return _with_reasons(reading.read(rows), reading)


def _with_reasons(read: DataFrame, reading: Reading) -> DataFrame:
    rows = read.withColumn("reasons", reading.reasons()).withColumn("event_type", F.col("true_event_type"))
    return rows.select(*REJECTED.names)
