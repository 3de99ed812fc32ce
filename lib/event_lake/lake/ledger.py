"""Represent a row of the ledger, and sums of its counts over a batch or a run."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class LedgerRow:
    """A row of raw/ledger; `schemas.LEDGER` explains the columns. In a damaged ledger any of them may be null."""

    stream: str | None
    shard_id: str | None
    batch_id: int
    start: str | None
    first_sequence_number: str | None
    last_sequence_number: str | None
    read: int | None
    raw: int | None
    quarantined: int | None
    duplicates: int | None
    hole: str | None

    @property
    def has_range(self) -> bool:
        """True if the row has a range of records. Otherwise it only has its shard's position, or what expired."""
        return self.last_sequence_number is not None

    @property
    def end(self) -> str | None:
        """Return the position at which the shard's next row must start."""
        return self.last_sequence_number if self.has_range else self.start


@dataclass(frozen=True, kw_only=True)
class Totals:
    """Counts of records, of one batch or several: `read` = `raw` + `quarantined` + `duplicates`."""

    read: int = 0
    raw: int = 0
    quarantined: int = 0
    duplicates: int = 0

    def __add__(self, other: "Totals") -> "Totals":
        return Totals(
            read=self.read + other.read,
            raw=self.raw + other.raw,
            quarantined=self.quarantined + other.quarantined,
            duplicates=self.duplicates + other.duplicates,
        )

    def __str__(self) -> str:
        return (
            f"{self.read:,} records read = {self.raw:,} raw + {self.duplicates:,} duplicates"
            f" + {self.quarantined:,} quarantined"
        )


@dataclass(frozen=True, kw_only=True)
class Written:
    """The counts of a batch that was written.

    `known` is how many of the duplicates the writer dropped itself, because raw/events had them already. The state
    store of the streaming query dropped the others.
    """

    totals: Totals
    known: int = 0
