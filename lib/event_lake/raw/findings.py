"""Losses that ingest_raw found: kept in the lake until somebody has acknowledged them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from event_lake.errors import DataLossError, UserError
from event_lake.lake import layout, tables
from event_lake.lake.time import instant_of


class Kind(StrEnum):
    """What was found. Behind `UNCHECKED` nothing may be wrong, so it stops nothing."""

    LATE = "late"  # By its clock Spark would drop all rows of the batch; none was written.
    LOST = "lost"  # The batch is written and committed, and records of it are missing.
    UNCHECKED = "unchecked"  # The batch is committed, and its job ended before it was checked.


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A finding in a batch, `what` in one line; a row of `schemas.FINDING`. Times are UTC."""

    batch_id: int
    kind: Kind
    what: str
    found_at: datetime
    acknowledged_by: str | None = None
    acknowledged_at: datetime | None = None

    @property
    def stands(self) -> bool:
        """Whether no batch may be begun until somebody acknowledges it."""
        return self.kind is not Kind.UNCHECKED and self.acknowledged_by is None

    def __str__(self) -> str:
        return self.what


def read_findings(spark: SparkSession, root: str) -> list[Finding]:
    """All findings of the lake, the oldest first; none where a lake of an older version has no table of them."""
    if not tables.exists(spark, root, layout.FINDINGS):
        return []
    rows = (
        tables.read(spark, root, layout.FINDINGS)
        .groupBy("batch_id", "kind", "what", F.unix_micros("found_at").alias("found_at"))
        .agg(F.max_by(F.struct("acknowledged_by", F.unix_micros("acknowledged_at").alias("at")), "acknowledged_at"))
        .collect()
    )
    found = [_finding(*row) for row in rows]
    return sorted(found, key=lambda finding: (finding.found_at, finding.batch_id))


def keep_finding(spark: SparkSession, root: str, batch_id: int, kind: Kind, what: str) -> None:
    """Keep a finding in the lake."""
    _append(spark, root, [Finding(batch_id=batch_id, kind=kind, what=what, found_at=datetime.now(UTC))])


def find_standing(found: Collection[Finding], batches: Collection[int]) -> list[Finding]:
    """The findings that stand in these batches. Raises UserError if in one of them none does."""
    standing = [finding for finding in found if finding.stands]
    if unknown := sorted(set(batches) - {finding.batch_id for finding in standing}):
        there = ", ".join(str(finding.batch_id) for finding in standing) or "none"
        raise UserError(f"--acknowledge {unknown[0]}: no finding stands in this batch; batches with one: {there}")
    return [finding for finding in standing if finding.batch_id in batches]


def acknowledge(spark: SparkSession, root: str, known: Collection[Finding], by: str) -> None:
    """Note that `by` knows of these findings, which then stand no more."""
    if known:
        now = datetime.now(UTC)
        _append(spark, root, [replace(finding, acknowledged_by=by, acknowledged_at=now) for finding in known])


def refuse_standing(found: Collection[Finding]) -> None:
    """Raise DataLossError while a finding stands."""
    standing = [finding for finding in found if finding.stands]
    if standing:
        more = f" (and {len(standing) - 1:,} more)" if len(standing) > 1 else ""
        raise DataLossError(f"{standing[0]}{more}; {way_out(standing[0].batch_id)}")


def way_out(batch_id: int) -> str:
    """What ends a finding in the batch."""
    return (
        f"no batch is begun until somebody has looked into it: ingest_raw --acknowledge {batch_id}, given once, notes"
        " who did, and goes on"
    )


def _append(spark: SparkSession, root: str, rows: Sequence[Finding]) -> None:
    names = layout.FINDINGS.schema.names
    values = [tuple(getattr(finding, name) for name in names) for finding in rows]
    tables.append(spark.createDataFrame(values, layout.FINDINGS.schema).coalesce(1), root, layout.FINDINGS)


def _finding(batch_id: int, kind: str, what: str, found_at: int, acknowledged: tuple[str, int] | None) -> Finding:
    by, at = acknowledged or (None, None)
    return Finding(
        batch_id=batch_id,
        kind=Kind(kind),
        what=what,
        found_at=instant_of(found_at),
        acknowledged_by=by,
        acknowledged_at=None if at is None else instant_of(at),
    )
