"""Register the tables and views of a layer in a catalog, and write the comments of the tables into Delta's log.

The tables don't depend on it: they are external ones, known to a catalog by their paths. Only the job that holds a
layer's lease may call `register`, since comments are commits to its tables.
"""

import logging
import re
from collections.abc import Callable, Mapping, Sequence

from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.errors import AnalysisException, PySparkException
from pyspark.sql import SparkSession

from event_lake.config.lake_root import plain_path
from event_lake.config.parsing import unusable
from event_lake.config.settings import Lake
from event_lake.errors import UserError
from event_lake.lake import tables
from event_lake.lake.catalog_names import is_same_place
from event_lake.lake.descriptions import Description, find_uncommented
from event_lake.lake.parallel import in_parallel
from event_lake.lake.tables import quote_literal
from event_lake.lake.views import View

_log = logging.getLogger(__name__)

# The property by which a view is known to be ours, and whether its definition is the newest.
_VIEW_PROPERTY = "eventLake.view"
_IN_SPARK = "spark_catalog"
# The conditions under which Spark 4.1 and 4.2, and Databricks, say that there is no such schema or catalog.
_NO_SCHEMA = {
    "SCHEMA_NOT_FOUND",
    "CATALOG_NOT_FOUND",
    "NO_SUCH_CATALOG_EXCEPTION",
    "REQUIRES_SINGLE_PART_NAMESPACE",
    "_LEGACY_ERROR_TEMP_1126",
}
# What DESCRIBE says of a table that is registered with a path where no Delta table is any more.
_NO_TABLE = {"DELTA_PATH_DOES_NOT_EXIST", "DELTA_TABLE_NOT_FOUND", "DELTA_MISSING_DELTA_TABLE"}
_MOST_DETAIL = 200


def register(
    spark: SparkSession,
    lake: Lake,
    described: Sequence[Description],
    views: Sequence[View],
    check: Callable[[], None] = lambda: None,
) -> None:
    """Register those of the tables and views in `lake.catalog` that aren't there, and keep their comments up to date.

    The tables must exist. It costs one call of the catalog for the names in the schema, and one for each table and view
    that it has; nothing if `lake.catalog` isn't set. A table gets a commit or two if it lacks comments, and a view is
    replaced if its definition has changed. `check` is called before each commit, and raises if none is allowed.

    Raise ConfigError if the schema isn't there, and UserError if a name is taken by another table or view: that is left
    as it is. Where the catalog fails in any other way, log a warning: the next run of the job registers what is
    missing. Raise what `tables.explain_errors` raises for the commits, for which Delta asks the catalog as well.
    """
    if lake.catalog is None:
        return
    schema = _Schema(spark, lake, check)
    try:
        known = schema.names()
        by_name = {one.name: one for one in described}
        in_parallel(spark, lambda name: schema.register(by_name[name], is_known=name in known), by_name)
        for view in views:
            schema.keep_view(view, is_known=view.name in known)
    except (PySparkException, Py4JJavaError) as error:
        reason = str(error).strip().partition("\n")[0][:_MOST_DETAIL]
        _log.warning(
            "lake.catalog = %r failed, so tables may be missing there; the next run registers them: %s",
            lake.catalog,
            reason,
        )


class _Schema:
    """The schema in the catalog."""

    def __init__(self, spark: SparkSession, lake: Lake, check: Callable[[], None]) -> None:
        assert lake.catalog is not None
        self._spark = spark
        self._lake = lake
        self._check = check
        catalog, _, schema = lake.catalog.rpartition(".")
        self._catalog = catalog or _IN_SPARK
        self._name = f"`{self._catalog}`.`{schema}`"

    def names(self) -> set[str]:
        """Return the names of the tables and views in the schema. Raise ConfigError if there is no such schema."""
        try:
            rows = self._spark.sql(f"show tables in {self._name}").collect()
        except AnalysisException as error:
            if error.getCondition() in _NO_SCHEMA:
                raise self._no_schema() from None
            raise
        return {row.tableName.lower() for row in rows if not row.isTemporary}

    def _no_schema(self) -> UserError:
        problem = f"there is no such schema; run CREATE SCHEMA {self._name}, or write the name of one"
        if (
            self._catalog == _IN_SPARK
            and self._spark.conf.get("spark.sql.catalogImplementation", "in-memory") == "in-memory"
        ):
            problem = (
                "there is no such schema, and this session's catalog is forgotten at its end; set"
                ' "spark.sql.catalogImplementation" = "hive" in [spark], and say where the metastore is'
            )
        return unusable("lake.catalog", self._lake.catalog, problem)

    def register(self, described: Description, *, is_known: bool) -> None:
        """Register a table, if the schema hasn't its name, and give it the comments that it lacks."""
        path = described.table.path(self._lake.root)
        table = self._named(described.name) if is_known else f"delta.`{path}`"
        details = self._details(table, described.name, path)
        if is_known and not is_same_place(details.get("Location", ""), path):
            raise self._taken(described.name, f"{_what_is(details)}, and not {path}")
        with tables.explain_errors(path):
            self._comment(described, path, details.get("Comment"))
        if not is_known:
            name = self._named(described.name)
            comment = quote_literal(described.comment)
            self._spark.sql(
                f"create table if not exists {name} using delta location {quote_literal(path)} comment {comment}"
            )
            _log.info("registered %s as %s", described.table.name, name)

    def _comment(self, described: Description, path: str, comment: str | None) -> None:
        # By path, so that no mistake in a catalog leads to a commit to another lake's table.
        table = f"delta.`{path}`"
        schema = tables.read(self._spark, self._lake.root, described.table).schema
        missing = list(find_uncommented(schema, described.comments))
        # Spark doesn't change a column and one within it by the same statement.
        for changed in ([one for one in missing if len(one.path) == 1], [one for one in missing if len(one.path) > 1]):
            if changed:
                self._check()
                columns = (
                    f"{'.'.join(f'`{n}`' for n in one.path)} comment {quote_literal(one.comment)}" for one in changed
                )
                self._spark.sql(f"alter table {table} alter column {', '.join(columns)}")
        if comment != described.comment:
            self._check()
            self._spark.sql(f"comment on table {table} is {quote_literal(described.comment)}")

    def keep_view(self, view: View, *, is_known: bool) -> None:
        """Make a view, or replace one of ours whose definition has changed."""
        if is_known:
            details = self._details(self._named(view.name), view.name, "a view")
            found = re.search(rf"\b{re.escape(_VIEW_PROPERTY)}=(\w+)", details.get("Table Properties", ""))
            if found is None or details.get("Type") != "VIEW":
                raise self._taken(view.name, f"{_what_is(details)}, and not our view")
            if found[1] == view.fingerprint:
                return
        columns = ", ".join(f"`{name}` comment {quote_literal(comment)}" for name, comment in view.comments.items())
        self._spark.sql(
            f"create or replace view {self._named(view.name)} ({columns}) comment {quote_literal(view.comment)}"
            f" tblproperties ('{_VIEW_PROPERTY}' = '{view.fingerprint}') as {view.query(self._name)}"
        )
        _log.info("made the view %s", self._named(view.name))

    def _details(self, table: str, name: str, wanted: str) -> Mapping[str, str]:
        """Return what DESCRIBE says of a table or view: Type, Location, Comment and Table Properties, if it has any."""
        try:
            rows = self._spark.sql(f"describe table extended {table}").collect()
        except AnalysisException as error:
            if error.getCondition() in _NO_TABLE:
                raise self._taken(name, f"a table that is gone, and not {wanted}") from None
            raise
        names = [row.col_name for row in rows]
        begin = names.index("# Detailed Table Information") if "# Detailed Table Information" in names else 0
        return {row.col_name: row.data_type for row in rows[begin:]}

    def _named(self, name: str) -> str:
        return f"{self._name}.`{name}`"

    def _taken(self, name: str, what: str) -> UserError:
        return UserError(
            f"lake.catalog = {self._lake.catalog!r}: {name} is {what}; drop it there, which deletes no data of an"
            " external table, or give each lake a schema of its own"
        )


def _what_is(details: Mapping[str, str]) -> str:
    if "Location" in details:
        return f"the table at {plain_path(details['Location'])}"
    return f"a {details.get('Type', 'table').lower()} of somebody else"
