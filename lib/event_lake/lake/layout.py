"""Which tables a lake has, and where they and the checkpoints lie below its root."""

from dataclasses import dataclass
from pathlib import Path

from pyspark.sql.types import StructType

from event_lake.lake import schemas


@dataclass(frozen=True)
class Table:
    """A table by its path below the lake's root. `statistics`: the columns that queries prune files by.

    `lies_in`: by partition column, under which values the table may hold what a row is a version of, as an array in
    SQL; it's the row's own value alone where nothing is said.
    """

    name: str
    schema: StructType
    partitioned_by: tuple[str, ...]
    statistics: tuple[str, ...]
    lies_in: tuple[tuple[str, str], ...] = ()

    def path(self, root: str) -> str:
        """Where it lies in the lake at `root`."""
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
    # A type may have got a partition since, or lost it.
    (("event_type", f"array(event_type, true_event_type, '{schemas.OTHER}')"),),
)
CONFLICTS = Table("staging/conflicts", schemas.CONFLICT, ("date",), ("event_uuid", "event_type", "arrived_at"))
REJECTED = Table("staging/rejected", schemas.REJECTED, ("date",), ("event_uuid", "event_type", "arrived_at"))
METRICS = Table("quality/metrics", schemas.METRIC, ("date",), ("measure", "event_type", "hour"))
RAW = (RAW_EVENTS, QUARANTINE, LEDGER, EVENT_TYPES, FINDINGS)
# One folder for each event type that has a contract.
TYPED_TABLES = "staging/types"
STAGING = (STAGING_EVENTS, CONFLICTS, REJECTED, METRICS)


def checkpoint_path(root: str, query: str) -> str:
    """Where the checkpoint of the query named `query` lies."""
    return path_below(root, f"_checkpoints/{query}")


def typed_table(event_type: str, schema: StructType, statistics: tuple[str, ...] = ()) -> Table:
    """Return the typed table of one event type, which its contract describes."""
    return Table(f"{TYPED_TABLES}/{event_type}", schema, ("date",), statistics)


def path_below(root: str, name: str) -> str:
    """Return the absolute path of what is called `name` in the lake at `root`."""
    return f"{_absolute(root)}/{name}"


def _absolute(root: str) -> str:
    # Delta takes a relative path for the name of a table in the catalog.
    return root if "://" in root else str(Path(root).absolute())
