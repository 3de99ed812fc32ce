"""What the report tells, as plain values: what Spark counted, and all that the page is made from."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from event_lake.report.masking import Example

# Upper bounds of the classes of lateness, exclusive, in seconds; the first one is of events from the future.
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
# Upper bounds of the classes of file sizes, exclusive, in bytes.
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
    """The batches that are told of: `ingested_at` from `begin` on up to `end`, both included, counted per `unit`.

    `unit` is "minute", "hour" or "day". `newest_batch` is the lake's, whether it lies in the span or not.
    """

    begin: datetime
    end: datetime
    unit: str
    newest_batch: datetime

    @property
    def step(self) -> timedelta:
        """How long a unit is."""
        return timedelta(**{f"{self.unit}s": 1})


@dataclass(frozen=True, kw_only=True)
class Ingested:
    """What the ledger says of the batches of one unit of time.

    `lag_ms` is the longest distance to a shard's tip, `unbalanced` and `holes` count rows of the ledger.
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
    """How often `name` was seen."""

    name: str
    count: int


@dataclass(frozen=True)
class ArrivalCount:
    """Events of one type that arrived in the unit of time from `begin` on."""

    event_type: str
    begin: datetime
    count: int


@dataclass(frozen=True)
class Refusal:
    """The records that have this reason (and maybe others), with one of them."""

    reason: str
    count: int
    example: Example


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """What raw/events holds of the span: the most frequent `types`, and `others` of `other_types` more.

    `lateness` counts the classes of `LATENESS`; `percentiles` are seconds, of `PERCENTILES` (None without events).
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
    """Events that break the contract of their type in one column for one reason."""

    event_type: str
    column: str
    reason: str
    count: int


@dataclass(frozen=True, kw_only=True)
class Change:
    """Something that isn't as in the days before, by a measure of `quality.catalogue`, of a type and maybe a field.

    It was so in so many `hours`, first in the one from `first` on; `peak` is the value furthest from 0, `detail` the
    newest.
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
    """A measure of all types together, over the span's hours of arrival."""

    measure: str
    subject: str | None
    lowest: float
    highest: float
    newest: float


@dataclass(frozen=True, kw_only=True)
class Files:
    """The files of a table: all of them, and those of the span's dates by the classes of `FILE_SIZES`.

    `median` is in bytes, of the latter (None where there are none).
    """

    table: str
    files: int
    bytes: int
    sizes: Sequence[int]
    median: int | None


@dataclass(frozen=True, kw_only=True)
class Report:
    """All that the page tells. What is None comes from a table that isn't there yet.

    `span` is None for a lake without a batch; then there's nothing else either. `quarantined` counts the rows in
    raw/quarantine, `staged` those in staging/events.
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
