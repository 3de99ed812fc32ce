"""Name the tables of a lake, and tell the paths of its tables and checkpoints below its root."""

from dataclasses import dataclass

from pyspark.sql.types import StructType

from event_lake.config.lake_root import absolute_root
from event_lake.config.type_folders import folder_of
from event_lake.lake import schemas


@dataclass(frozen=True)
class Table:
    """A Delta table of the lake. `name` is its path below the lake's root.

    `statistics` are the columns of which Delta keeps the least and greatest value in each file, so that queries can
    skip files. `lies_in` tells `tables.merge` in which partitions to look for the row that a new row replaces: for a
    partition column, the values it may have there, as an array in SQL. A column that isn't named has the new row's own
    value.
    """

    name: str
    schema: StructType
    partitioned_by: tuple[str, ...]
    statistics: tuple[str, ...]
    lies_in: tuple[tuple[str, str], ...] = ()

    def path(self, root: str) -> str:
        """Return the path of the table in the lake at `root`."""
        return path_below(root, self.name)


RAW_EVENTS = Table(
    "raw/events",
    schemas.EVENT,
    ("date", "event_type"),
    ("event_uuid", "created_datetime", "arrived_at", "ingested_at", "batch_id"),
)
QUARANTINE = Table("raw/quarantine", schemas.QUARANTINE, ("date",), ("arrived_at", "ingested_at", "batch_id"))
LEDGER = Table("raw/ledger", schemas.LEDGER, ("date",), ("shard_id", "ingested_at", "batch_id"))
EVENT_TYPES = Table("raw/event_types", schemas.EVENT_TYPE, (), ("batch_id",))
FINDINGS = Table("raw/findings", schemas.FINDING, (), ("batch_id",))
STAGING_EVENTS = Table(
    "staging/events",
    schemas.EVENT,
    ("date", "event_type"),
    ("event_uuid", "created_datetime", "arrived_at", "ingested_at"),
    # Between two versions of an event its type may have got a partition of its own, or lost it.
    (("event_type", f"array(event_type, true_event_type, '{schemas.OTHER}')"),),
)
CONFLICTS = Table("staging/conflicts", schemas.CONFLICT, ("date",), ("event_uuid", "event_type", "arrived_at"))
REJECTED = Table("staging/rejected", schemas.REJECTED, ("date",), ("event_uuid", "event_type", "arrived_at"))
METRICS = Table("quality/metrics", schemas.METRIC, ("date",), ("measure", "event_type", "hour"))
RAW = (RAW_EVENTS, QUARANTINE, LEDGER, EVENT_TYPES, FINDINGS)
# The folder of the typed tables. Each event type that has a contract has one.
TYPED_TABLES = "staging/types"
STAGING = (STAGING_EVENTS, CONFLICTS, REJECTED, METRICS)


def checkpoint_path(root: str, query: str) -> str:
    """Return the path of the checkpoint folder of the query named `query`."""
    return path_below(root, f"_checkpoints/{query}")


def typed_table(event_type: str, schema: StructType) -> Table:
    """Return the typed table of one event type. Its contract decides the columns in `schema`."""
    # None of the contract's own columns has statistics: Spark would compile code for each table, which is half of the
    # cost of a small append.
    statistics = ("event_uuid", "created_datetime", "arrived_at", "ingested_at")
    return Table(f"{TYPED_TABLES}/{folder_of(event_type)}", schema, ("date",), statistics)


def path_below(root: str, name: str) -> str:
    """Return the absolute path of `name`, which is relative to the lake's `root`."""
    return f"{absolute_root(root)}/{name}"
