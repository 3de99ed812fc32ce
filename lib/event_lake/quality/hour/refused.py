"""The records and events of one hour that were quarantined, dropped as copies, in conflict, or rejected."""

from collections.abc import Collection
from dataclasses import dataclass, field


@dataclass
class Refusals:
    """The records and events of one hour that were refused.

    `quarantined` counts records by all their reasons. `conflicts` and `rejected` count events by type. `violations`
    counts rejected events by type, and by the column and reason for which they are (the column may be unknown). Of the
    records `read`, by those rows of the ledger that know it, `duplicates` were dropped. `is_complete` is true if
    nothing can arrive in the hour any more.
    """

    quarantined: dict[tuple[str, ...], int] = field(default_factory=dict)
    conflicts: dict[str, int] = field(default_factory=dict)
    rejected: dict[str, int] = field(default_factory=dict)
    violations: dict[str, dict[tuple[str | None, str], int]] = field(default_factory=dict)
    read: int = 0
    duplicates: int = 0
    is_complete: bool = False

    @property
    def records(self) -> int:
        """The number of quarantined records."""
        return sum(self.quarantined.values())

    def count_records(self, reasons: Collection[str]) -> int:
        """Return how many quarantined records have one of these reasons or several."""
        return sum(count for names, count in self.quarantined.items() if not set(reasons).isdisjoint(names))
