"""Keep the losses that ingest_raw finds in raw/findings, and refuse to go on until somebody acknowledges them."""

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
    """The kind of a finding in a batch.

    - LATE: the batch's clock isn't later than the watermark, so Spark would drop all its rows. None is written.
    - LOST: the batch is written and committed, and records of it are missing.
    - UNCHECKED: the batch is committed, and the job ended before it was checked. Maybe nothing is wrong with it, so
      this kind needs no acknowledgement.
    """

    LATE = "late"
    LOST = "lost"
    UNCHECKED = "unchecked"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A finding in a batch, as in a row of `schemas.FINDING`. `what` describes it in one line. Times are UTC."""

    batch_id: int
    kind: Kind
    what: str
    found_at: datetime
    acknowledged_by: str | None = None
    acknowledged_at: datetime | None = None

    @property
    def stands(self) -> bool:
        """True if no batch may begin until somebody acknowledges the finding."""
        return self.kind is not Kind.UNCHECKED and self.acknowledged_by is None

    def __str__(self) -> str:
        return self.what


def read_findings(spark: SparkSession, root: str) -> list[Finding]:
    """Return all findings of the lake, the oldest first. A lake of an older version has no table of them, so none."""
    if not tables.exists(spark, root, layout.FINDINGS):
        return []
    rows = (
        tables.read(spark, root, layout.FINDINGS)
        .groupBy("batch_id", "kind", "what", F.unix_micros("found_at").alias("found_at"))
        .agg(F.max_by(F.struct("acknowledged_by", F.unix_micros("acknowledged_at").alias("at")), "acknowledged_at"))
        .collect()
    )
    return sorted((_finding(*row) for row in rows), key=lambda finding: (finding.found_at, finding.batch_id))


def keep_finding(spark: SparkSession, root: str, batch_id: int, kind: Kind, what: str) -> None:
    """Add a finding to raw/findings, with the time of now."""
    _append(spark, root, [Finding(batch_id=batch_id, kind=kind, what=what, found_at=datetime.now(UTC))])


def find_standing(findings: Collection[Finding], batches: Collection[int]) -> list[Finding]:
    """Return those of `findings` that stand in these batches. Raise UserError for a batch in which none stands."""
    standing = [finding for finding in findings if finding.stands]
    if unknown := sorted(set(batches) - {finding.batch_id for finding in standing}):
        there = ", ".join(str(finding.batch_id) for finding in standing) or "none"
        raise UserError(f"--acknowledge {unknown[0]}: no finding stands in this batch; batches with one: {there}")
    return [finding for finding in standing if finding.batch_id in batches]


def acknowledge(spark: SparkSession, root: str, findings: Collection[Finding], by: str) -> None:
    """Add to raw/findings that the person `by` knows of `findings`. They don't stand any more then."""
    if findings:
        now = datetime.now(UTC)
        _append(spark, root, [replace(finding, acknowledged_by=by, acknowledged_at=now) for finding in findings])


def refuse_standing(findings: Collection[Finding]) -> None:
    """Raise DataLossError if one of `findings` stands."""
    standing = [finding for finding in findings if finding.stands]
    if standing:
        more = f" (and {len(standing) - 1:,} more)" if len(standing) > 1 else ""
        raise DataLossError(f"{standing[0]}{more}; {way_out(standing[0].batch_id)}")


def way_out(batch_id: int) -> str:
    """Return the part of an error's message that says how to go on after a finding in this batch."""
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
