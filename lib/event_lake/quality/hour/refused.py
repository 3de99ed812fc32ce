"""What isn't in the lake as it was sent: quarantined, dropped as a copy, in conflict, against its contract."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from event_lake.events.reasons import Problem, reason_names
from event_lake.events.rules import FIELDS
from event_lake.quality.hour.arrived import Arrivals
from event_lake.quality.metric import Metric

_UNREADABLE = reason_names(Problem.UNREADABLE)
_MISSING = {name: reason_names(Problem.MISSING, name) for name in FIELDS}
_WRONG = {name: reason_names(Problem.WRONG, name) for name in FIELDS}
_HOUR = timedelta(hours=1)


@dataclass
class OfHour:
    """What was refused in one hour; quarantined records by all their reasons."""

    quarantined: dict[tuple[str, ...], int] = field(default_factory=dict)
    conflicts: dict[str, int] = field(default_factory=dict)
    rejected: dict[str, dict[tuple[str | None, str] | None, int]] = field(default_factory=dict)
    read: int = 0
    duplicates: int = 0

    def count(self, holds: Collection[str]) -> int:
        """How many quarantined records have one of these reasons."""
        return sum(count for reasons, count in self.quarantined.items() if not set(holds).isdisjoint(reasons))


@dataclass(frozen=True)
class Refused:
    """What was refused, by hour; all that arrived before `until` was read, as far as the ledger knows."""

    hours: Mapping[datetime, OfHour]
    until: datetime | None

    def is_complete(self, hour: datetime) -> bool:
        """Whether nothing can arrive in the hour any more."""
        return self.until is not None and self.until >= hour + _HOUR

    def metrics(self, hour: datetime, arrived: Arrivals, contracts: Collection[str]) -> Iterator[Metric]:
        """The measures of one hour; none where nothing came. `contracts` are the types that have one."""
        of_hour, events = self.hours[hour], arrived.of_all[hour].events
        yield from _quarantined(hour, of_hour, events)
        yield from _of_fields(hour, of_hour, events)
        if of_hour.read:
            yield Metric("duplicates", None, None, hour, of_hour.duplicates / of_hour.read)
        if events:
            yield Metric("conflicts", None, None, hour, sum(of_hour.conflicts.values()) / events)
        for name, came in arrived.of_types[hour].items():
            yield Metric("conflicts", name, None, hour, of_hour.conflicts.get(name, 0) / came.events)
            rejected = of_hour.rejected.get(name, {})
            if name in contracts:
                rejected = {None: 0, **rejected}
            for said, count in rejected.items():
                column, reason = (None, None) if said is None else (said[0] or "payload", said[1])
                yield Metric("contract_violations", name, column, hour, count / came.events, reason)


def _quarantined(hour: datetime, of_hour: OfHour, events: int) -> Iterator[Metric]:
    bad = sum(of_hour.quarantined.values())
    if events + bad:
        yield Metric("quarantined", None, None, hour, bad / (events + bad))
    for reason in sorted({reason for reasons in of_hour.quarantined for reason in reasons}):
        yield Metric("quarantined", None, reason, hour, of_hour.count({reason}) / (events + bad))


def _of_fields(hour: datetime, of_hour: OfHour, events: int) -> Iterator[Metric]:
    objects = events + sum(of_hour.quarantined.values()) - of_hour.count(_UNREADABLE)
    for name in FIELDS:
        having = objects - of_hour.count(_MISSING[name])
        if objects:
            yield Metric("completeness", None, name, hour, having / objects)
        if having:
            yield Metric("valid_format", None, name, hour, 1 - of_hour.count(_WRONG[name]) / having)
