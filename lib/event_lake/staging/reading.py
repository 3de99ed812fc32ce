"""Read a contract's columns from JSON payloads, as expressions of Spark: the values, and why some can't be read. Pure.

These JSON values can be read as a column's type. Null, or a missing key, is null as any type.

- `string`: a string as it is; anything else as its JSON text, where only the spaces around values, and the spelling of
  characters and of -0, may change.
- `int`, `bigint`: a number in range, without fraction or exponent. Not 3.0, 1e3 or "404".
- `double`: a number no larger than a double can be. Not "1.5" or "NaN".
- `decimal(p,s)`: a number, or a JSON number in a string, with p - s digits at most before its point; rounded half up.
- `boolean`: true or false. Not 1 or "true".
- `date`: a string like "2026-11-21". `timestamp`: a string like "2026-11-21T09:00:00.123Z", with a blank for the T, or
  in ISO 8601's basic form, like "20261121T090000Z". Seconds and fraction may be missing; microseconds are kept. A zone
  is Z, UTC, or hours like "+01:00", "+0100" or "+01"; without one it's UTC. Not a number, which has no unit.
- `array<…>`: an array whose members are null or of that type.

If an object has a key twice, the last value counts. Keys that differ in capitals are different keys.
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
    TimestampType,
    VariantType,
)

from event_lake.contracts import column_types
from event_lake.contracts.contract import Column as ContractColumn
from event_lake.contracts.contract import Contract
from event_lake.staging import exact_texts
from event_lake.staging.exact_texts import unbend
from event_lake.staging.places import Places

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
_ZONE = r"(?:Z| ?UTC|[-+][0-9]{2}(?::?[0-9]{2})?)?"
_SECONDS = r"[0-9]{2}(?:\.[0-9]{1,9})?"
_TEXT_OF = {
    "date": rf"\A{_DATE}\z",
    "timestamp": rf"\A{_DATE}[T ][0-9]{{2}}:[0-9]{{2}}:{_SECONDS}{_ZONE}\z",
}
# `events.iso_time` reads the same spellings. Times that Spark reads only once they are spelled like the others.
_RARE_TIME = rf"\A(?:{_DATE}[T ][0-9]{{2}}:[0-9]{{2}}|[0-9]{{8}}T[0-9]{{4}}(?:{_SECONDS})?){_ZONE}\z"
_BASIC_FORM = r"\A([0-9]{4})([0-9]{2})([0-9]{2})T([0-9]{2})([0-9]{2})"
_NO_SECONDS = r"\A(.{13}:[0-9]{2}):?(?![:0-9])"
_INFINITE = float("inf")


def data_type(text: str) -> DataType:
    """Return the Spark type that a contract calls `text`, spelled as `column_types.check_type` returns it."""
    if digits := column_types.parse_decimal(text):
        return DecimalType(*digits)
    if element := column_types.parse_element(text):
        return ArrayType(_TYPES[element])
    return _TYPES[text]


class Reading:
    """Expressions that read a contract's columns from payloads and validate them, over the rows that `read` returns."""

    def __init__(self, contract: Contract) -> None:
        self._columns = columns = contract.columns
        self._tree = Places([c.keys for c in columns])
        self._types = {c.keys: _read_as(c.type) for c in columns}
        # The columns whose numbers must be texts as they were sent.
        self._exact = {c.keys: kind for c in columns if (kind := _exact_kind(c.type))}
        # To find out why a value can't be read, the place at each depth of its path is read as text.
        depths = range(1, 1 + max(len(c.keys) for c in columns))
        self._by_depth = [Places([c.keys[:depth] for c in columns if len(c.keys) >= depth]) for depth in depths]

    def read(self, rows: DataFrame) -> DataFrame:
        """Return `rows` with the column `read`: the struct that `Places.read` makes of the payload.

        Texts and decimals in it are as numbers were sent (`exact_texts`).
        """
        # Spark would move a filter to before the parsing, and so parse twice, but doesn't move it to before `inline`.
        as_once = F.inline(F.array(F.struct(self._tree.read(self._types).alias("once"))))
        exact = unbend("once", self._tree, self._exact)
        return rows.select("*", as_once).select(*rows.columns, F.expr(f"inline(array(struct({exact} as read)))"))

    def value(self, c: ContractColumn) -> Column:
        """Return the value as its type. It's null if it's missing or wrong, or the column isn't for the subtype."""
        return F.when(_if_meant(c, F.lit(col=True)), self._value(c)) if c.subtypes else self._value(c)

    def keeps(self) -> Column:
        """Return the condition that a row has no reasons. To look at `reasons` alone would cost three times as much."""
        unread = F.col("read")["unread"].isNotNull()
        faults = [is_so for c in self._columns for is_so in self._faults_if_read(c)]
        is_sound = ~_or_no(reduce(or_, faults)) if faults else F.lit(col=True)
        if not any(c.subtypes for c in self._columns):
            return is_sound & ~unread
        # The value that Spark couldn't read may be of a column that isn't for the event's subtype.
        return F.when(unread, F.size(self.reasons()) == 0).otherwise(is_sound)

    def reasons(self) -> Column:
        """Return an array of (column, reason), in the contract's order."""
        unread = F.col("read")["unread"].isNotNull()
        # A payload is read again, as texts, only if a value isn't of its type; as a lambda's argument, it's read once.
        texts = F.when(
            unread,
            F.struct(*(tree.read({}).alias(f"d{at}") for at, tree in enumerate(self._by_depth))),
        )
        return F.transform(F.array(texts), lambda once: self._reasons(unread, once))[0]

    def _reasons(self, unread: Column, texts: Column) -> Column:
        wrong = [self._is_wrong(c, texts) for c in self._columns]
        reasons = [
            _reason(c.name, reason, is_so)
            for c, is_wrong in zip(self._columns, wrong, strict=True)
            for reason, is_so in self._faults(c, is_wrong)
        ]
        return F.array_compact(F.array(*reasons, _reason(None, "unreadable", unread & ~reduce(or_, wrong))))

    def _faults(self, c: ContractColumn, is_wrong: Column) -> Iterator[tuple[str, Column]]:
        """Yield the reasons that the column may have, each with the condition for it (null means no)."""
        if c.required:
            yield "missing", _if_meant(c, self.value(c).isNull() & ~is_wrong)
        yield "wrong_type", _if_meant(c, is_wrong)
        yield from self._limits(c)

    def _faults_if_read(self, c: ContractColumn) -> Iterator[Column]:
        """Yield the conditions for any reason that the column may have if Spark could read all of the payload."""
        if c.required:
            yield _if_meant(c, self.value(c).isNull())
        elif not _is_strict(c.type):
            yield _if_meant(c, self._is_refused(c))
        yield from (is_so for _, is_so in self._limits(c))

    def _limits(self, c: ContractColumn) -> Iterator[tuple[str, Column]]:
        value = self.value(c)
        if c.allowed:
            yield "not_allowed", ~value.isin(*c.allowed)
        if c.minimum is not None:
            yield "out_of_range", value < F.lit(c.minimum)
        if c.maximum is not None:
            yield "out_of_range", value > F.lit(c.maximum)

    def _is_wrong(self, c: ContractColumn, texts: Column) -> Column:
        """Return the condition that there is a value that can't be read as the type, for any subtype; never null."""
        *parents, text = (
            tree.place(texts[f"d{at}"], c.keys[: at + 1]) for at, tree in enumerate(self._by_depth[: len(c.keys)])
        )
        is_there = reduce(or_, map(_is_no_object, parents), text.isNotNull())
        return (self._value(c).isNull() & is_there) | self._is_refused(c)

    def _is_refused(self, c: ContractColumn) -> Column:
        """Return the condition that Spark could read the value, but `_value` refuses it; never null."""
        return self._raw(c).isNotNull() & self._value(c).isNull()

    def _value(self, c: ContractColumn) -> Column:
        raw = self._raw(c)
        if c.type == "timestamp":
            in_full = F.regexp_replace(F.regexp_replace(raw, _BASIC_FORM, "$1-$2-$3T$4:$5:"), _NO_SECONDS, "$1:00")
            time = F.when(raw.rlike(_TEXT_OF[c.type]), raw.try_cast(c.type))
            return time.when(raw.rlike(_RARE_TIME), in_full.try_cast(c.type))
        if c.type == "date":
            return F.when(raw.rlike(_TEXT_OF[c.type]), raw.try_cast(c.type))
        if column_types.parse_decimal(c.type):
            return F.when(raw.rlike(_NUMBER), raw.try_cast(c.type))
        # Spark reads 1e999 as infinite.
        if c.type == "double":
            return F.when(F.abs(raw) < _INFINITE, raw)
        if c.type == "array<double>":
            return F.when(~_or_no(F.exists(raw, lambda x: F.abs(x) == _INFINITE)), raw)
        return raw

    def _raw(self, c: ContractColumn) -> Column:
        place = self._tree.place(F.col("read"), c.keys)
        return F.try_variant_get(place, "$", "string") if column_types.parse_decimal(c.type) else place


def _read_as(text: str) -> DataType:
    """Return the type as which Spark reads the JSON of a column. `_value` converts it where Spark isn't strict."""
    if column_types.parse_decimal(text):
        return VariantType()  # As decimals, "12,50" would be 1250; as strings, long numbers would be rounded.
    return StringType() if text in _TEXT_OF else data_type(text)


def _exact_kind(text: str) -> str | None:
    """Return the kind of a column whose numbers must be as they were sent (`exact_texts`), None for other columns."""
    if column_types.parse_decimal(text):
        return exact_texts.DECIMAL
    return text if text in (exact_texts.STRING, exact_texts.STRINGS) else None


def _is_strict(text: str) -> bool:
    """True if Spark by itself reads a type by the rules above."""
    return text not in _TEXT_OF and not column_types.parse_decimal(text) and text not in ("double", "array<double>")


def _if_meant(c: ContractColumn, is_so: Column) -> Column:
    """Return `is_so` for events of the subtypes that the column is for, and false for others."""
    return _or_no(F.col("event_subtype").isin(*c.subtypes)) & is_so if c.subtypes else is_so


def _is_no_object(text: Column) -> Column:
    return _or_no(~F.startswith(text, F.lit("{")))


def _or_no(is_so: Column) -> Column:
    return F.coalesce(is_so, F.lit(col=False))


def _reason(column: str | None, reason: str, is_so: Column) -> Column:
    return F.when(is_so, F.struct(F.lit(column).cast("string").alias("column"), F.lit(reason).alias("reason")))
