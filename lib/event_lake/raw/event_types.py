"""Decide which event types have a partition of their own: those of an allow-list, or the first ones that come."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from event_lake.config.type_folders import fits_partition
from event_lake.lake.schemas import OTHER


@dataclass(frozen=True)
class EventTypes:
    """The types that have a partition of their own, and how many may have one. All others share `schemas.OTHER`."""

    own: tuple[str, ...]
    limit: int

    @property
    def is_full(self) -> bool:
        """True if no other type can get a partition."""
        return len(self.own) >= self.limit

    def add(self, names: Iterable[str]) -> "EventTypes":
        """Return these types and, in alphabetical order, as many new ones of `names` as there is room for.

        One whose folder would have too long a name is left out: no batch with its events could be written.
        """
        new = sorted(filter(fits_partition, set(names) - set(self.own)))
        return replace(self, own=(*self.own, *new[: max(0, self.limit - len(self.own))]))

    def is_own(self, event_type: Column) -> Column:
        """Return the condition that the type has a partition of its own."""
        return event_type.isin(*self.own)

    def assign_partitions(self, events: DataFrame) -> DataFrame:
        """Return `events` (`schemas.EVENT`) with each one's partition as its `event_type`."""
        partition = F.when(self.is_own(F.col("event_type")), F.col("event_type")).otherwise(OTHER)
        return events.withColumn("event_type", partition)
