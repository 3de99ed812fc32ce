"""Represent the spans of time that a user can have a job look at: of ingestion, or of the events' dates."""

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True)
class Window:
    """A span of `ingested_at`: `begin` or later, and before `end`, in UTC. None means that there is no bound."""

    begin: datetime | None = None
    end: datetime | None = None

    def __str__(self) -> str:
        begin = f" from {self.begin.isoformat()}" if self.begin else ""
        end = f" until {self.end.isoformat()}" if self.end else ""
        return f"ingested{begin}{end}" if begin or end else "all that was ingested"


@dataclass(frozen=True)
class Dates:
    """The dates of events from `first` to `last`, both included. None means that there is no bound."""

    first: date | None = None
    last: date | None = None

    def __str__(self) -> str:
        bounds = (("from", self.first), ("to", self.last))
        return " ".join(f"{word} {day}" for word, day in bounds if day) or "of all dates"
