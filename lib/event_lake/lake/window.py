"""Represent what a run looks at: a span of ingestion, some dates of events, or some batches of raw."""

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


class Batches:
    """The batches of raw that a run has covered so far; empty at first."""

    def __init__(self) -> None:
        self._ends: tuple[int, int] | None = None

    def add(self, first: int, last: int) -> None:
        """Note that the run has covered the batches from `first` to `last`, too."""
        before = self._ends or (first, last)
        self._ends = min(first, before[0]), max(last, before[1])

    def __str__(self) -> str:
        if self._ends is None:
            return "no batch"
        first, last = self._ends
        return f"batch {first}" if first == last else f"batches {first} to {last}"
