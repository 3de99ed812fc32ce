"""Define the contents of the report as plain values, which Spark counts and the page shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from event_lake.report.masking import Example

# The classes of lateness, the time from an event's creation to its arrival: the exclusive upper bound in seconds, and
# the label. Lateness is negative where the producer's clock is ahead.
LATENESS: tuple[tuple[float, str], ...] = (
    (0, "created after arrival"),
    (1, "under 1 s"),
    (10, "1 to 10 s"),
    (60, "10 to 60 s"),
    (600, "1 to 10 min"),
    (3_600, "10 to 60 min"),
    (21_600, "1 to 6 h"),
    (86_400, "6 to 24 h"),
    (604_800, "1 to 7 days"),
    (float("inf"), "7 days or more"),
)
PERCENTILES = (0.5, 0.95, 0.99, 1.0)

_MB = 1_000_000
# The classes of file sizes: the exclusive upper bound in bytes, and the label.
FILE_SIZES: tuple[tuple[float, str], ...] = (
    (_MB // 10, "under 0.1 MB"),
    (_MB, "0.1 to 1 MB"),
    (8 * _MB, "1 to 8 MB"),
    (32 * _MB, "8 to 32 MB"),
    (128 * _MB, "32 to 128 MB"),
    (512 * _MB, "128 to 512 MB"),
    (float("inf"), "512 MB or more"),
)


@dataclass(frozen=True, kw_only=True)
class Span:
    """The batches that the report is about: those whose `ingested_at` lies from `begin` to `end`, both included.

    The report counts records per `unit`, which is "minute", "hour" or "day". `newest_batch` is the `ingested_at` of the
    newest batch of the lake, even if it lies outside of the span.
    """

    begin: datetime
    end: datetime
    unit: str
    newest_batch: datetime

    @property
    def step(self) -> timedelta:
        """Return the length of the unit."""
        return timedelta(**{f"{self.unit}s": 1})


@dataclass(frozen=True, kw_only=True)
class Ingested:
    """The ledger's sums over the batches of one unit of time, which starts at `begin`.

    `lag_ms` is the largest number of milliseconds that a batch was behind the newest record of a shard. `unbalanced`
    counts the ledger's rows in which `read` isn't `raw` + `duplicates` + `quarantined`. `holes` counts the rows that
    note a hole: records that expired unread.
    """

    begin: datetime
    read: int
    raw: int
    duplicates: int
    quarantined: int
    lag_ms: int | None = None
    unbalanced: int = 0
    holes: int = 0


@dataclass(frozen=True)
class Count:
    """A name, and the number of times that it occurred."""

    name: str
    count: int


@dataclass(frozen=True)
class ArrivalCount:
    """The number of events of one type that arrived in the unit of time that starts at `begin`."""

    event_type: str
    begin: datetime
    count: int


@dataclass(frozen=True)
class Refusal:
    """The number of records that were quarantined for a reason, maybe among others, with one of them as an example."""

    reason: str
    count: int
    example: Example


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """The number of `rows` in raw/events from the span's batches, and figures of them.

    `types` are the most frequent event types; `other_types` more types have `others` events together. `lateness` has
    the number of events in each class of `LATENESS`. `percentiles` has the lateness in seconds at each of
    `PERCENTILES`, and is None if there are no events.
    """

    rows: int
    types: Sequence[Count]
    others: int
    other_types: int
    arrivals: Sequence[ArrivalCount]
    lateness: Sequence[int]
    percentiles: Sequence[float] | None
    newest_arrival: datetime | None


@dataclass(frozen=True)
class Violation:
    """The number of events that break the contract of their type in one column for one reason."""

    event_type: str
    column: str
    reason: str
    count: int


@dataclass(frozen=True, kw_only=True)
class Change:
    """A difference between an event type and its days before, or its contract, by a measure of `quality.catalogue`.

    `subject` names what differs in the type, like a field. `hours` is the number of hours with the difference, and
    `first` is the beginning of the first of them. `peak` is the measure's value that is furthest from 0, and `detail`
    is its newest detail.
    """

    measure: str
    event_type: str | None
    subject: str | None
    first: datetime
    hours: int
    peak: float
    detail: str | None


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The lowest, highest and newest hourly value that a measure of all types together has in the span."""

    measure: str
    subject: str | None
    lowest: float
    highest: float
    newest: float


@dataclass(frozen=True, kw_only=True)
class Files:
    """The number of a table's `files`, and figures of their sizes in bytes.

    `files` and `bytes` are about the whole table. `sizes` and `median` are about the partitions of the span's dates, if
    the table has partitions by date. `sizes` has the number of files in each class of `FILE_SIZES`. `median` is None if
    there are no files.
    """

    table: str
    files: int
    bytes: int
    sizes: Sequence[int]
    median: int | None


@dataclass(frozen=True, kw_only=True)
class Report:
    """Everything that the page shows. A field is None if the lake doesn't have the field's table yet.

    `span` is None if the lake has no batch in the time that was asked for; then all other counts are empty.
    `quarantined` counts the rows in raw/quarantine, `staged` those in staging/events.
    """

    generated_at: datetime
    lake: str
    span: Span | None = None
    ingested: Sequence[Ingested] = ()
    accepted: Accepted | None = None
    quarantined: int = 0
    refusals: Sequence[Refusal] = ()
    staged: int | None = None
    conflicts: Sequence[Count] | None = None
    violations: Sequence[Violation] | None = None
    changes: Sequence[Change] | None = None
    measured: Sequence[Measured] | None = None
    files: Sequence[Files] = ()
