"""Events by their types' contracts: their payloads as typed columns, or what is wrong with them. Pure.

What a JSON value must be to be read as a column's type; null, like a key that isn't there, is null as any type:

- `string`: a string, as it is; anything else as JSON text, in which Spark respells numbers (1.10 as 1.1) and spaces.
- `int`, `bigint`: a number in range without fraction or exponent. Neither 3.0, 1e3 nor "404".
- `double`: a number no larger than doubles are. Neither "1.5" nor "NaN".
- `decimal(p,s)`: a number, or a string that spells one as JSON does, with at most p - s digits before its point; those
  beyond s behind it are rounded, half up.
- `boolean`: true or false. Neither 1 nor "true".
- `date`: a string like "2026-11-21". `timestamp`: a string like "2026-11-21T09:00:00.123Z"; fraction (cut off
  beyond microseconds) and zone (UTC) may be missing, a blank may stand for the T. No number: it doesn't say its unit.
- `array<…>`: an array whose members are null or of that type.

Of a key that comes twice in an object the last one counts. Keys are told apart by their capitals.
"""

from collections.abc import Iterator
from functools import reduce
from operator import or_

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import (
    ArrayType,
    BooleanType,
    DataType,
    DateType,
    DecimalType,
    DoubleType,
    IntegerType,
    LongType,
    StringType,
    StructField,
    StructType,
    TimestampType,
    VariantType,
)

from event_lake.contracts import column_types, contract
from event_lake.contracts.contract import Contract
from event_lake.lake.schemas import REJECTED, TYPED
from event_lake.staging.places import Places

# No contract can have a column of that name.
KEEPS = "keeps.its.contract"
_TYPES: dict[str, DataType] = {
    "string": StringType(),
    "boolean": BooleanType(),
    "int": IntegerType(),
    "bigint": LongType(),
    "double": DoubleType(),
    "date": DateType(),
    "timestamp": TimestampType(),
}
_NUMBER = r"\A-?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?\z"
_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME = r"[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[-+][0-9]{2}:[0-9]{2})?"
_TEXT_OF = {"date": rf"\A{_DATE}\z", "timestamp": rf"\A{_DATE}[T ]{_TIME}\z"}
_INFINITE = float("inf")


def typed_schema(of: Contract) -> StructType:
    """The columns of the typed table: those of `schemas.TYPED`, then the contract's."""
    own = [
        StructField(c.name, data_type(c.type), metadata={"comment": c.comment} if c.comment else {}) for c in of.columns
    ]
    return StructType([*TYPED, *own])


def data_type(text: str) -> DataType:
    """The Spark type that a contract's `column_types.check_type` text names."""
    if digits := column_types.parse_decimal(text):
        return DecimalType(*digits)
    if element := column_types.parse_element(text):
        return ArrayType(_TYPES[element])
    return _TYPES[text]


def select_typed(rows: DataFrame, of: Contract) -> DataFrame:
    """Of `rows` (`schemas.EVENT`, of the contract's type) those that keep it, as `typed_schema` has them.

    The complement is `select_rejected`: each row is in exactly one of the two.
    """
    return validated_rows(rows, of).where(f"`{KEEPS}`").drop(KEEPS)


def select_rejected(rows: DataFrame, of: Contract) -> DataFrame:
    """Of `rows` (`schemas.EVENT`, of the contract's type) those that break it, as `schemas.REJECTED`.

    Every reason that applies, in the order of the contract's columns. `missing`: required, but null or not there.
    `wrong_type`: there, but not readable as the column's type (see above), or below something that is no object.
    `not_allowed`, `out_of_range`: readable, but not one of the values, or not between the bounds. And, without a
    column, `unreadable`: Spark can't read the payload (a number of more than 1,000 digits, a key that comes twice, with
    a value that isn't of the type).
    """
    reading = _Reading(of)
    return _told(reading.read(rows).where(~reading.keeps()), reading)


def validated_rows(rows: DataFrame, of: Contract) -> DataFrame:
    """All of `rows` as `typed_schema` has them, and whether each keeps the contract, in `KEEPS`."""
    reading = _Reading(of)
    values = [reading.value(c).alias(c.name) for c in of.columns]
    return reading.read(rows).select(*TYPED.names, *values, reading.keeps().alias(KEEPS))


def rows_with_reasons(rows: DataFrame, of: Contract) -> DataFrame:
    """All of `rows` as `select_rejected` would have them; without reasons where they keep the contract."""
    reading = _Reading(of)
    return _told(reading.read(rows), reading)


def _told(read: DataFrame, reading: "_Reading") -> DataFrame:
    told = read.withColumn("reasons", reading.reasons()).withColumn("event_type", F.col("true_event_type"))
    return told.select(*REJECTED.names)


class _Reading:
    """How the columns of a contract are read out of a payload, and judged: expressions over the rows of `read`."""

    def __init__(self, of: Contract) -> None:
        self._columns = of.columns
        self._tree = Places([c.keys for c in of.columns])
        self._types = {c.keys: _read_as(c.type) for c in of.columns}
        # For each depth: what lies there, as text.
        depths = range(1, 1 + max(len(c.keys) for c in of.columns))
        self._by_depth = [Places([c.keys[:depth] for c in of.columns if len(c.keys) >= depth]) for depth in depths]

    def read(self, rows: DataFrame) -> DataFrame:
        """`rows` with what was read of their payloads, once: Spark moves no filter to before a generated column."""
        return rows.select("*", F.inline(F.array(F.struct(self._tree.read(self._types).alias("read")))))

    def value(self, c: contract.Column) -> Column:
        """The value as its type; null where there's none, where it's wrong, and in events of other subtypes."""
        return F.when(_if_meant(c, F.lit(col=True)), self._value(c)) if c.subtypes else self._value(c)

    def keeps(self) -> Column:
        """Whether nothing is wrong, as far as possible without `reasons`, which cost three times as much."""
        unread = F.col("read")["unread"].isNotNull()
        broken = [is_so for c in self._columns for is_so in self._broken(c)]
        is_sound = ~_or_no(reduce(or_, broken)) if broken else F.lit(col=True)
        if not any(c.subtypes for c in self._columns):
            return is_sound & ~unread
        # What isn't as told may be a column that isn't meant.
        return F.when(unread, F.size(self.reasons()) == 0).otherwise(is_sound)

    def reasons(self) -> Column:
        """What is wrong: an array of (column, reason), in the contract's order."""
        unread = F.col("read")["unread"].isNotNull()
        # Only the rare payload that isn't as told is read again, as text; and once, as the lambda's argument.
        texts = F.when(unread, F.struct(*(tree.read({}).alias(f"d{at}") for at, tree in enumerate(self._by_depth))))
        return F.transform(F.array(texts), lambda told: self._judged(unread, told))[0]

    def _judged(self, unread: Column, told: Column) -> Column:
        wrong = [self._is_wrong(c, told) for c in self._columns]
        found = [
            _reason(c.name, reason, is_so)
            for c, is_wrong in zip(self._columns, wrong, strict=True)
            for reason, is_so in self._faults(c, is_wrong)
        ]
        return F.array_compact(F.array(*found, _reason(None, "unreadable", unread & ~reduce(or_, wrong))))

    def _faults(self, c: contract.Column, is_wrong: Column) -> Iterator[tuple[str, Column]]:
        """The reasons that the column may have, each with whether it applies (null: no)."""
        if c.required:
            yield "missing", _if_meant(c, self.value(c).isNull() & ~is_wrong)
        yield "wrong_type", _if_meant(c, is_wrong)
        yield from self._limits(c)

    def _broken(self, c: contract.Column) -> Iterator[Column]:
        """The same where Spark could read all of the payload, but for the reasons."""
        if c.required:
            yield _if_meant(c, self.value(c).isNull())
        elif not _is_strict(c.type):
            yield _if_meant(c, self._is_refused(c))
        yield from (is_so for _, is_so in self._limits(c))

    def _limits(self, c: contract.Column) -> Iterator[tuple[str, Column]]:
        value = self.value(c)
        if c.allowed:
            yield "not_allowed", ~value.isin(*c.allowed)
        if c.minimum is not None:
            yield "out_of_range", value < F.lit(c.minimum)
        if c.maximum is not None:
            yield "out_of_range", value > F.lit(c.maximum)

    def _is_wrong(self, c: contract.Column, told: Column) -> Column:
        """Whether something is there that can't be read as the type, in an event of whatever subtype; never null."""
        *parents, text = (
            tree.place(told[f"d{at}"], c.keys[: at + 1]) for at, tree in enumerate(self._by_depth[: len(c.keys)])
        )
        is_there = reduce(or_, map(_is_no_object, parents), text.isNotNull())
        return (self._value(c).isNull() & is_there) | self._is_refused(c)

    def _is_refused(self, c: contract.Column) -> Column:
        """Whether Spark could read it, but we couldn't; never null."""
        return self._raw(c).isNotNull() & self._value(c).isNull()

    def _value(self, c: contract.Column) -> Column:
        raw = self._raw(c)
        if c.type in _TEXT_OF:
            return F.when(raw.rlike(_TEXT_OF[c.type]), raw.try_cast(c.type))
        if column_types.parse_decimal(c.type):
            return F.when(raw.rlike(_NUMBER), raw.try_cast(c.type))
        # Spark takes 1e999 for infinite.
        if c.type == "double":
            return F.when(F.abs(raw) < _INFINITE, raw)
        if c.type == "array<double>":
            return F.when(~_or_no(F.exists(raw, lambda x: F.abs(x) == _INFINITE)), raw)
        return raw

    def _raw(self, c: contract.Column) -> Column:
        place = self._tree.place(F.col("read"), c.keys)
        return F.try_variant_get(place, "$", "string") if column_types.parse_decimal(c.type) else place


def _read_as(text: str) -> DataType:
    """As what Spark reads the JSON of a column: what it isn't strict with is looked at by ourselves."""
    if column_types.parse_decimal(text):
        return VariantType()  # As decimals, "12,50" would be 1250; as strings, long numbers would be rounded.
    return StringType() if text in _TEXT_OF else data_type(text)


def _is_strict(text: str) -> bool:
    """Whether Spark alone reads the type as we want it to be read."""
    return text not in _TEXT_OF and not column_types.parse_decimal(text) and text not in ("double", "array<double>")


def _if_meant(c: contract.Column, is_so: Column) -> Column:
    """`is_so` in the events in which the column is looked for."""
    return _or_no(F.col("event_subtype").isin(*c.subtypes)) & is_so if c.subtypes else is_so


def _is_no_object(text: Column) -> Column:
    return _or_no(~F.startswith(text, F.lit("{")))


def _or_no(is_so: Column) -> Column:
    return F.coalesce(is_so, F.lit(col=False))


def _reason(column: str | None, reason: str, is_so: Column) -> Column:
    return F.when(is_so, F.struct(F.lit(column).cast("string").alias("column"), F.lit(reason).alias("reason")))
