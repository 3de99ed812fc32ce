"""Describe the lake's tables: what a row is, and what each column holds, as comments in Delta's log and in catalogs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pyspark.sql.types import ArrayType, StructType

from event_lake.lake.catalog_names import catalog_name
from event_lake.lake.columns import MEANINGS, ROWS
from event_lake.lake.layout import Table


@dataclass(frozen=True)
class Description:
    """How a catalog shows `table`: by its `name` there, the table's `comment`, and those of its columns.

    A column within another one has both names in `comments`, with a dot between, as in `columns`.
    """

    name: str
    table: Table
    comment: str
    comments: Mapping[str, str]


@dataclass(frozen=True)
class Uncommented:
    """A column that lacks the comment that it should have. `path` are its names as SQL takes them, outermost first."""

    path: tuple[str, ...]
    comment: str


def describe(table: Table) -> Description:
    """Return how a catalog shows one of the tables of `layout`."""
    return Description(catalog_name(table.name), table, ROWS[table.name], MEANINGS[table.name])


def find_uncommented(schema: StructType, comments: Mapping[str, str]) -> Iterator[Uncommented]:
    """Yield the columns of `schema` whose comments aren't those in `comments`; others than these keep what they have.

    Columns within others come behind the one that they are in.
    """
    yield from _find(schema, comments, (), ())


def _find(
    schema: StructType, comments: Mapping[str, str], within: tuple[str, ...], path: tuple[str, ...]
) -> Iterator[Uncommented]:
    for field in schema:
        name, at, kind = (*within, field.name), (*path, field.name), field.dataType
        comment = comments.get(".".join(name))
        if comment is not None and field.metadata.get("comment") != comment:
            yield Uncommented(at, comment)
        if isinstance(kind, ArrayType):
            at, kind = (*at, "element"), kind.elementType
        if isinstance(kind, StructType):
            yield from _find(kind, comments, name, at)
