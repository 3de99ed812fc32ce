"""The events of some hours: how many, and how late."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from event_lake.quality.hour.percentiles import percentile
from event_lake.quality.metric import Metric

_PERCENTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


@dataclass
class Seconds:
    """Of a duration how often it came, by bucket, and the longest."""

    counts: dict[int, int] = field(default_factory=dict)
    longest: float = float("-inf")

    def add(self, number: int, count: int, longest: float) -> None:
        """Count so many events whose seconds lie in the bucket of this number; `longest` is the largest of them."""
        self.counts[number] = self.counts.get(number, 0) + count
        self.longest = max(self.longest, longest)

    def metrics(self, measure: str, event_type: str | None, hour: datetime) -> Iterator[Metric]:
        """Yield its percentiles and its maximum."""
        for name, share in _PERCENTILES.items():
            value = min(percentile(self.counts, share), self.longest)
            yield Metric(measure, event_type, name, hour, round(value, 3))
        yield Metric(measure, event_type, "max", hour, round(self.longest, 6))


@dataclass
class Arrived:
    """The events of one hour, of one type or of all."""

    events: int = 0
    subtypes: int = 0
    in_order: int = 0
    newest: float = float("-inf")
    lateness: Seconds = field(default_factory=Seconds)

    def metrics(self, event_type: str | None, hour: datetime) -> Iterator[Metric]:
        """Its measures; of an hour without events only that."""
        yield Metric("events", event_type, None, hour, self.events)
        if self.events:
            yield Metric("completeness", event_type, "event_subtype", hour, self.subtypes / self.events)
            yield Metric("created_before_arrival", event_type, None, hour, self.in_order / self.events)
            yield Metric("newest_arrival", event_type, None, hour, self.newest)
            yield from self.lateness.metrics("lateness", event_type, hour)


@dataclass(frozen=True)
class Arrivals:
    """What came in some hours: by hour and type, by hour, and how long it waited for its batch, by hour."""

    of_types: Mapping[datetime, Mapping[str, Arrived]]
    of_all: Mapping[datetime, Arrived]
    waits: Mapping[datetime, Seconds]

    @property
    def total(self) -> int:
        """How many events came in all hours."""
        return sum(arrived.events for arrived in self.of_all.values())

    def events(self, hour: datetime) -> dict[str | None, float]:
        """How many came in the hour, by type; None: of all."""
        arrived: list[tuple[str | None, Arrived]] = [(None, self.of_all[hour]), *self.of_types[hour].items()]
        return {event_type: counts.events for event_type, counts in arrived}

    def metrics(self, hour: datetime) -> Iterator[Metric]:
        """The measures of one hour."""
        yield from self.of_all[hour].metrics(None, hour)
        for event_type, arrived in self.of_types[hour].items():
            yield from arrived.metrics(event_type, hour)
        if self.waits[hour].counts:
            yield from self.waits[hour].metrics("ingest_latency", None, hour)
