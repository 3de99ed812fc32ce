"""Which event types have a partition of their own: an allow-list, or the first so many that came."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from event_lake.lake.schemas import OTHER


@dataclass(frozen=True)
class EventTypes:
    """The `own` types, and how many there may be at `most`."""

    own: tuple[str, ...]
    most: int

    @property
    def is_full(self) -> bool:
        """Whether no other type can get a partition."""
        return len(self.own) >= self.most

    def grown(self, came: Iterable[str]) -> "EventTypes":
        """With those of the types that `came` for which there is room, in the order of their names."""
        new = sorted(set(came) - set(self.own))
        return replace(self, own=(*self.own, *new[: max(0, self.most - len(self.own))]))

    def is_own(self, event_type: Column) -> Column:
        """Whether the type has a partition of its own."""
        return event_type.isin(*self.own)

    def partitioned(self, events: DataFrame) -> DataFrame:
        """`events` (`schemas.EVENT`), with `event_type` as the partition where each of them lies."""
        own = F.when(self.is_own(F.col("event_type")), F.col("event_type")).otherwise(OTHER)
        return events.withColumn("event_type", own)
