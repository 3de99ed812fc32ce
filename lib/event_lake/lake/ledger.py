"""What the ledger says: a row of it, and the sums that a batch or a run comes to."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class LedgerRow:
    """A row of raw/ledger, as `schemas.LEDGER` describes its columns; a damaged ledger may have null in any of them."""

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
        """True if the row has a range of records; else it only tells where its shard stands, or what is lost."""
        return self.last_sequence_number is not None

    @property
    def end(self) -> str | None:
        """The position behind which the shard's next row starts."""
        return self.last_sequence_number if self.has_range else self.start


@dataclass(frozen=True, kw_only=True)
class Totals:
    """Records of one batch or many; `read` = `raw` + `quarantined` + `duplicates`."""

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
    """What the writer of a batch counted. `known` of the duplicates it dropped itself, not the state store."""

    totals: Totals
    known: int = 0
