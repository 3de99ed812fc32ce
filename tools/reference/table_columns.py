"""docs/reference/tables.md, from the tables' layout, their columns and what those mean."""

from collections.abc import Iterator, Mapping

from pyspark.sql.types import ArrayType, DataType, StructType

from event_lake.contracts.column_types import ELEMENTS, MOST_DIGITS, SCALARS
from event_lake.lake import columns, layout, schemas, views
from event_lake.lake.catalog_names import catalog_name, typed_name
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
_CATALOG = """
Where `lake.catalog` names a schema of a catalog, ingest_raw registers the tables below raw/ there, and build_staging
all others, each under its path with `_` for `/`: `{events}` is raw/events. A typed table is called `type_` and its
event type in small letters, like `{plain}`; where that would have other characters than letters, digits and `_`, they
become `_`, and a hash of the type stands behind: `{odd}`. What stands on this page are the comments of tables and
columns. Beside the tables there are views. They show what their tables show, personal data included.
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
    blocks += [list_columns(typed.schema, columns.TYPED), "## In a catalog"]
    example = {
        "events": catalog_name("raw/events"),
        "plain": typed_name("lesson"),
        "odd": typed_name("Order Completed"),
    }
    blocks.append(as_prose(_CATALOG.format(**example)))
    for view in (*views.RAW, *views.STAGING):
        blocks += [f"### {as_code(view.name)}", as_prose(view.comment)]
        blocks.append(as_table(["column", "what it holds"], _meanings(view.comments)))
    return as_page("Tables", *blocks)


def _meanings(comments: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    return ((as_code(name), as_prose(comment)) for name, comment in comments.items())


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
