"""Decide which event types have a partition of their own: those of an allow-list, or the first ones that come."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from pyspark.sql import Column
from pyspark.sql import functions as F

from event_lake.config.type_folders import MAX_PARTITION_BYTES, SAFE, fits_partition

# `type_folders.fits_partition` counts these as three bytes.
_ESCAPED = rf"[\x00-\x7f&&[^{SAFE}]]"


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
        """Return these types and, in their order, as many new ones of `names` as there is room for.

        One whose folder would have too long a name is left out: no batch with its events could be written.
        """
        known = set(self.own)
        new = [name for name in dict.fromkeys(names) if name not in known and fits_partition(name)]
        return replace(self, own=(*self.own, *new[: max(0, self.limit - len(self.own))]))

    def is_own(self, event_type: Column) -> Column:
        """Return the condition that the type has a partition of its own."""
        return event_type.isin(*self.own)

    def candidate(self, event_type: Column) -> Column:
        """Return the type if it has a partition of its own or can get one, else null."""
        if self.is_full:
            return F.when(self.is_own(event_type), event_type)
        fits = F.octet_length(event_type) <= MAX_PARTITION_BYTES // 3
        fits |= F.octet_length(F.regexp_replace(event_type, _ESCAPED, "%00")) <= MAX_PARTITION_BYTES
        return F.when(fits, event_type)
