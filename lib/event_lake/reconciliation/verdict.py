"""Hold the result of an audit of the raw layer, and write it as text for people and JSON for machines. Pure."""

from bisect import insort
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from event_lake.errors import DataLossError
from event_lake.lake.window import Window
from event_lake.reconciliation.rules import Check, Fault

# So many faults of each check are shown. The first ones say where to look.
_MOST_SHOWN = 12
_HEADINGS = ("stream", "shard", "batches", "rows", "read", "raw", "duplicates", "quarantined")


@dataclass(frozen=True, kw_only=True)
class ShardSums:
    """A shard's ledger rows in the window: their number, batches and sums; None where no row has a count."""

    stream: str | None
    shard_id: str | None
    rows: int
    first_batch: int
    last_batch: int
    read: int | None
    raw: int
    quarantined: int
    duplicates: int | None


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The number of records put into the stream from `begin` to `end`, by CloudWatch, and bounds for it by the tables.

    Of `least` records the tables prove that they arrived in that time. At `most` so many can have arrived in it, as
    duplicates that were dropped may be among them. All three are numbers of Kinesis records.
    """

    begin: datetime
    end: datetime
    put: int
    least: int
    most: int

    @property
    def fault(self) -> Fault | None:
        """Return a fault if more records were put than can have been read."""
        if self.put <= self.most:
            return None
        return Fault(
            check=Check.CLOUDWATCH,
            place=f"arrived from {self.begin.isoformat()} until {self.end.isoformat()}",
            what=f"{self.put:,} records were put, and at most {self.most:,} read: {self.put - self.most:,} are missing",
        )

    def __str__(self) -> str:
        span = f"from {self.begin.isoformat()} until {self.end.isoformat()}"
        known = f"{self.least:,} of them for certain, and {self.most:,} at most"
        return f"CloudWatch: {self.put:,} records were put {span}; were read {known}"


@dataclass
class FaultsFound:
    """A collection that counts all faults, and keeps the first ones of each check. It is false if there are none."""

    counts: Counter[Check] = field(default_factory=Counter)
    _first: dict[Check, list[Fault]] = field(default_factory=dict)

    def __len__(self) -> int:
        return self.counts.total()

    def add(self, faults: Iterable[Fault]) -> None:
        """Count the faults, which may come in any order."""
        for fault in faults:
            self.counts[fault.check] += 1
            first = self._first.setdefault(fault.check, [])
            insort(first, fault, key=_order)
            del first[_MOST_SHOWN:]

    @property
    def first(self) -> list[Fault]:
        """Return at most a dozen faults of each check, those of the oldest batches, in the order of the checks."""
        return [fault for check in Check for fault in self._first.get(check, ())]

    def more(self, check: Check) -> int:
        """Return the number of the check's faults that `first` leaves out."""
        return self.counts[check] - len(self._first.get(check, ()))


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The result of an audit of `lake` in `window`. `notes` are sentences about what is no fault."""

    lake: str
    window: Window
    shards: Sequence[ShardSums]
    faults: FaultsFound
    notes: Sequence[str] = ()
    comparison: Comparison | None = None

    @property
    def checks(self) -> list[Check]:
        """Return the checks that were made."""
        return [check for check in Check if check is not Check.CLOUDWATCH or self.comparison]

    def refuse_faults(self) -> None:
        """Raise DataLossError if the audit found a fault."""
        if first := self.faults.first:
            more = len(self.faults) - 1
            raise DataLossError(f"{first[0]}{f' (and {more:,} more)' if more else ''}")

    def as_json(self) -> dict[str, Any]:
        """Return the whole verdict; times are in ISO 8601."""
        comparison = self.comparison
        return {
            "lake": self.lake,
            "from": _iso(self.window.begin),
            "to": _iso(self.window.end),
            "shards": [asdict(shard) for shard in self.shards],
            "checks": {check.key: {"claim": check.value, "faults": self.faults.counts[check]} for check in self.checks},
            "faults": [{**asdict(fault), "check": fault.check.key} for fault in self.faults.first],
            "more_faults": sum(map(self.faults.more, Check)),
            "notes": list(self.notes),
            "cloudwatch": comparison
            and {**asdict(comparison), "begin": comparison.begin.isoformat(), "end": comparison.end.isoformat()},
        }

    def as_text(self) -> str:
        """Return a table of the shards, a line for each check, the faults and the notes."""
        counts = self.faults.counts
        checks = [(f"{counts[check]:,} at fault" if counts[check] else "ok", check.value) for check in self.checks]
        faults = [str(fault) for fault in self.faults.first]
        faults += [f"{check.key}: and {more:,} more" for check in Check if (more := self.faults.more(check))]
        notes = [f"note: {note}" for note in self.notes] + ([str(self.comparison)] if self.comparison else [])
        paragraphs = [
            [f"{self.lake}, {self.window}"],
            _aligned([_HEADINGS, *map(_cells, self.shards), _sums(self.shards)], numbers_from=3),
            _aligned(checks, numbers_from=len(checks)),
            faults,
            notes,
        ]
        return "\n\n".join("\n".join(lines) for lines in paragraphs if lines)


def _order(fault: Fault) -> tuple[bool, int, str, str]:
    number = fault.batch_id
    return number is not None, number or 0, fault.shard_id or "", fault.place or ""


def _iso(instant: datetime | None) -> str | None:
    return instant.isoformat() if instant else None


def _cells(shard: ShardSums) -> tuple[str, ...]:
    counts = (shard.rows, shard.read, shard.raw, shard.duplicates, shard.quarantined)
    names = (shard.stream or "?", shard.shard_id or "?", f"{shard.first_batch} to {shard.last_batch}")
    return (*names, *("?" if count is None else f"{count:,}" for count in counts))


def _sums(shards: Sequence[ShardSums]) -> tuple[str, ...]:
    columns = ("rows", "read", "raw", "duplicates", "quarantined")
    return ("all", "", "", *(f"{sum(getattr(shard, column) or 0 for shard in shards):,}" for column in columns))


def _aligned(lines: Sequence[Sequence[str]], *, numbers_from: int) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if index >= numbers_from else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
