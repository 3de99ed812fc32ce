"""docs/reference/tables.md, from the tables' layout, their columns and what those mean."""

from collections.abc import Iterator, Mapping

from pyspark.sql.types import ArrayType, DataType, StructType

from event_lake.contracts.column_types import ELEMENTS, MOST_DIGITS, SCALARS
from event_lake.lake import columns, layout, schemas
from tools.reference.markdown import as_code, as_page, as_paragraphs, as_prose, as_table

_INTRO = """
All tables are Delta tables below `lake.root`. Timestamps are instants, in microseconds; the jobs' sessions show them in
UTC. Queries skip files by partitions, and by the columns that have statistics.
"""
_CONTRACTS = """
An event type that has a contract in the folder `staging.contracts` has a table of its own. In the folder's name each
byte of what isn't an ASCII letter, a digit or one of _.-+@~!$,() stands as `=` and two digits: `Order=20Completed`. The
table begins with the columns below. Then comes a column for each `[columns.<name>]` of the contract, of that name and
of the contract's `type`: {types}, `decimal(precision,scale)` up to {digits} digits, or `array<…>` of {elements}. It
holds what the payload has at the contract's `path`, by default a key of the column's name, and null where there's
nothing, or where `subtypes` doesn't list the event's. The column's comment in the table is the contract's
`description`, with `[personal data]` after it where `pii` is true.

An event breaks its contract where a `required` column is null, or a value isn't of the `type`, none of the `allowed`
ones, or not within `minimum` and `maximum`. It's in staging/rejected, and not in the typed table.
"""


def make_page() -> str:
    """Return the page."""
    blocks = [as_prose(_INTRO)]
    for table in (*layout.RAW, *layout.STAGING):
        blocks += [f"## {as_code(table.name)}", as_prose(columns.ROWS[table.name]), _places(table)]
        blocks.append(list_columns(table.schema, columns.MEANINGS[table.name]))
    typed = layout.typed_table("lesson", schemas.TYPED)
    types, elements = (", ".join(as_code(name) for name in names) for names in (SCALARS, ELEMENTS))
    name = as_code(f"{layout.TYPED_TABLES}/<event_type>")
    blocks += [f"## {name}", as_prose(columns.TYPED_ROWS), _places(typed)]
    blocks.append(as_paragraphs(_CONTRACTS.format(types=types, digits=MOST_DIGITS, elements=elements)))
    return as_page("Tables", *blocks, list_columns(typed.schema, columns.TYPED))


def list_columns(schema: StructType, meanings: Mapping[str, str]) -> str:
    """Return a table of the columns, nested ones behind the one that they are in."""
    rows = ((as_code(name), as_code(kind), as_prose(meanings[name])) for name, kind in columns_of(schema))
    return as_table(["column", "type", "what it holds"], rows)


def columns_of(schema: StructType, within: str = "") -> Iterator[tuple[str, str]]:
    """Yield each column's name, with those that it's within before it, and its type; `struct` for what has columns."""
    for field in schema:
        name, kind = within + field.name, field.dataType
        inner = kind.elementType if isinstance(kind, ArrayType) else kind
        yield name, _type(kind)
        if isinstance(inner, StructType):
            yield from columns_of(inner, f"{name}.")


def _type(kind: DataType) -> str:
    if isinstance(kind, ArrayType):
        return f"array<{_type(kind.elementType)}>"
    return "struct" if isinstance(kind, StructType) else kind.simpleString()


def _places(table: layout.Table) -> str:
    partitions = " and ".join(as_code(name) for name in table.partitioned_by)
    statistics = ", ".join(as_code(name) for name in table.statistics)
    return f"{f'Partitioned by {partitions}' if partitions else 'Without partitions'}. Statistics: {statistics}."
