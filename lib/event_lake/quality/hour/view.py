"""All that is known of one hour."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from event_lake.contracts.contract import Contract
from event_lake.quality.hour.arrived import Arrivals
from event_lake.quality.hour.before import Before, Day, days_before
from event_lake.quality.hour.expected import Expected, expect_fields
from event_lake.quality.hour.inventory import Inventory
from event_lake.quality.hour.refused import Refusals
from event_lake.quality.hour.usual import Usual, hours_before, usual_count

# So many other types of a type are named at most.
MOST_OTHER_TYPES = 10


@dataclass(frozen=True)
class Elsewhere:
    """The `events` of a type whose event_uuid staging/events also has on another date, or under another type.

    `of_date` and `of_event_type` count those whose date or type differs; an event may count for both. `types` are the
    first `MOST_OTHER_TYPES` of the other types.
    """

    events: int
    of_date: int
    of_event_type: int
    types: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class HourView:
    """An hour that begins at `hour`, in UTC.

    `inventories`, `elsewhere` and `contracts` are by event type. `staged_twice` counts by type the events that
    staging/events holds twice. `values_in_objects` counts, by type and column, the sampled events that have a value
    where the contract's column lies within an object.

    Take the view's measures before an hour is added to `before`, which changes with it.
    """

    hour: datetime
    arrivals: Arrivals
    refusals: Refusals
    inventories: Mapping[str, Inventory]
    values_in_objects: Mapping[tuple[str, str], int]
    elsewhere: Mapping[str, Elsewhere]
    staged_twice: Mapping[str, int]
    before: Before
    contracts: Mapping[str, Contract]

    @cached_property
    def days_before(self) -> list[Mapping[str, Day]]:
        """The types that came on those of the seven days before that were measured."""
        return days_before(self.hour.date(), self.before.days)

    @cached_property
    def absent_types(self) -> list[str]:
        """The types that came in the seven days before, and didn't in this hour."""
        return sorted(set[str]().union(*self.days_before) - self.arrivals.of_types.keys())

    @cached_property
    def expected(self) -> Mapping[str, Expected]:
        """The fields that are expected, by type: of the types in `inventories` that have a contract or came before."""
        day, days = self.hour.date(), self.before.days
        expected = {name: expect_fields(day, name, days, self.contracts.get(name)) for name in self.inventories}
        return {name: fields for name, fields in expected.items() if fields is not None}

    @cached_property
    def usual(self) -> Mapping[str | None, Usual]:
        """The number of events that usually come in this hour, by type, absent ones included, and in all (None).

        Types for which too few hours were measured are left out. A type that a measured hour doesn't name had no events
        in it.
        """
        events = self.before.events
        measured = {hour: events[hour] for hour in hours_before(self.hour) if hour in events}
        names = [*self.arrivals.events, *self.absent_types]
        counts = {name: {hour: count.get(name, 0) for hour, count in measured.items()} for name in names}
        usual = {name: usual_count(self.hour, of_hours) for name, of_hours in counts.items()}
        return {name: of_type for name, of_type in usual.items() if of_type is not None}
