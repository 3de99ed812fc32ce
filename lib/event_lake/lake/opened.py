"""Read the tables of a lake by name."""

from collections.abc import Iterator, Mapping

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructType

from event_lake.config.type_folders import fits_table, type_of
from event_lake.errors import UserError
from event_lake.lake import layout, tables
from event_lake.lake.hadoop_files import HadoopFiles
from event_lake.lake.untrusted import format_name


class _Tables:
    def __init__(self, spark: SparkSession, root: str) -> None:
        self._spark = spark
        self._root = root

    def _read(self, table: layout.Table) -> DataFrame:
        if not tables.exists(self._spark, self._root, table):
            raise UserError(f"lake.root = {self._root!r} has no {table.name} yet: the job that makes it hasn't run")
        return tables.read(self._spark, self._root, table)


class OpenLake(_Tables):
    """The tables of the lake at `root` as DataFrames. Each attribute reads its table as it is at that moment.

    It raises UserError if no job has made the table yet. docs/reference/tables.md explains the columns.
    """

    @property
    def raw_events(self) -> DataFrame:
        """Return the events as ingest_raw wrote them, one row each."""
        return self._read(layout.RAW_EVENTS)

    @property
    def quarantine(self) -> DataFrame:
        """Return the records that are no events, byte for byte, with the reasons why not."""
        return self._read(layout.QUARANTINE)

    @property
    def ledger(self) -> DataFrame:
        """Return the ledger: how many records each batch read of each shard, and what became of them."""
        return self._read(layout.LEDGER)

    @property
    def findings(self) -> DataFrame:
        """Return the losses that ingest_raw found, and who acknowledged them."""
        return self._read(layout.FINDINGS)

    @property
    def metrics(self) -> DataFrame:
        """Return the quality measures, hour by hour."""
        return self._read(layout.METRICS)

    @property
    def staging(self) -> "Staging":
        """Return the tables of the staging layer."""
        return Staging(self._spark, self._root)


class Staging(_Tables):
    """The tables of the staging layer as DataFrames, read in the same way as those of `OpenLake`."""

    @property
    def events(self) -> DataFrame:
        """Return the events, one version of each."""
        return self._read(layout.STAGING_EVENTS)

    @property
    def conflicts(self) -> DataFrame:
        """Return the other versions: events with the event_uuid of one in `events`, and another payload."""
        return self._read(layout.CONFLICTS)

    @property
    def rejected(self) -> DataFrame:
        """Return the events that break their type's contract, with the reasons."""
        return self._read(layout.REJECTED)

    @property
    def types(self) -> Mapping[str, DataFrame]:
        """Return the typed tables by event type: one for each type that has a contract."""
        return _TypedTables(self._spark, self._root)


class _TypedTables(_Tables, Mapping[str, DataFrame]):
    def __getitem__(self, event_type: str) -> DataFrame:
        table = layout.typed_table(event_type, StructType())
        # Delta can't ask for a folder whose name is too long.
        if not fits_table(event_type) or not tables.exists(self._spark, self._root, table):
            raise KeyError(
                f"no table of the type {event_type!r}; there are: {', '.join(map(format_name, self)) or 'none'}"
            )
        return tables.read(self._spark, self._root, table)

    def __iter__(self) -> Iterator[str]:
        folder = layout.path_below(self._root, layout.TYPED_TABLES)
        return iter(sorted(filter(None, map(type_of, HadoopFiles(self._spark, folder).names(folder)))))

    def __len__(self) -> int:
        return len(list(iter(self)))
