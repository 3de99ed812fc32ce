"""Keep the results of the checks of ingest_raw's batches beyond the end of a run."""

import logging
from collections.abc import Collection

from pyspark.sql import SparkSession

from event_lake.errors import DataLossError
from event_lake.lake.checkpoints import Checkpoint, PlannedBatch, Unchecked
from event_lake.raw.findings import (
    Kind,
    acknowledge,
    find_standing,
    keep_finding,
    read_findings,
    refuse_standing,
    way_out,
)
from event_lake.raw.running import Checks

_log = logging.getLogger(__name__)


def settle_findings(
    spark: SparkSession, root: str, checkpoint: Checkpoint, acknowledged: Collection[int], user: str
) -> bool:
    """Settle what earlier runs found, before a batch begins. Return True if the query needs a new checkpoint.

    - A batch that a crash left unchecked is named in the log and in raw/findings.
    - The findings that stand in the batches `acknowledged` are acknowledged by `user`. If one of these batches was
      late, the query needs a new checkpoint: with the old one Spark would repeat the batch with the same clock.

    Raise DataLossError if another finding stands, and UserError for an acknowledged batch in which none stands.
    """
    unchecked = checkpoint.unchecked
    if unchecked is not None:
        if checkpoint.has_committed(unchecked.spark_batch):
            _log.warning("%s", _keep_unchecked(spark, root, unchecked.batch_id))
        checkpoint.strike_unchecked()
    findings = read_findings(spark, root)
    settled = find_standing(findings, acknowledged)
    is_late = any(finding.kind is Kind.LATE for finding in settled)
    if is_late:
        # Before the acknowledgement: after a crash between the two the late batch would be repeated.
        checkpoint.begin_replacement()
    acknowledge(spark, root, settled, user)
    for finding in settled:
        _log.warning("acknowledged by %s: %s", user, finding)
    refuse_standing([finding for finding in findings if finding not in settled])
    return is_late


class KeptChecks(Checks):
    """Checks that keep findings in the lake at `root`, and a note of the unchecked batch beside `checkpoint`."""

    def __init__(self, spark: SparkSession, root: str, checkpoint: Checkpoint, *, first_batch: int) -> None:
        super().__init__(first_batch=first_batch)
        self._spark = spark
        self._root = root
        self._checkpoint = checkpoint

    def note_written(self, batch_id: int) -> None:
        """Note the batch as unchecked. If a crash prevents its check, the next start finds the note."""
        self._checkpoint.note_unchecked(Unchecked(batch_id, batch_id - self.first_batch))

    def note_passed(self) -> None:
        """Delete the note of the unchecked batch."""
        self._checkpoint.strike_unchecked()

    def note_loss(self, batch_id: int, what: str) -> None:
        """Keep the loss as a finding, and delete the note."""
        keep_finding(self._spark, self._root, batch_id, Kind.LOST, what)
        self._checkpoint.strike_unchecked()

    def note_missed(self, batch_id: int) -> None:
        """Keep as a finding that the batch wasn't checked, and delete the note."""
        _keep_unchecked(self._spark, self._root, batch_id)
        self._checkpoint.strike_unchecked()

    def refuse_late(self, batch_id: int, planned: PlannedBatch, before: PlannedBatch) -> None:
        """Raise DataLossError, and keep the finding, if Spark would drop all rows of the batch as late.

        `planned` and `before` are the offset log's entries of the batch and of the one before it.
        """
        if not before.makes_late(planned):
            return
        what = (
            f"batch {batch_id}: its clock, {planned.clock.isoformat()}, isn't later than the watermark of the batches"
            f" before it, {before.watermark.isoformat()}, so Spark would drop all its rows as late. Nothing of it is"
            " written: set this machine's clock right"
        )
        keep_finding(self._spark, self._root, batch_id, Kind.LATE, what)
        raise DataLossError(f"{what}; {way_out(batch_id)}")


def _keep_unchecked(spark: SparkSession, root: str, batch_id: int) -> str:
    what = f"batch {batch_id} was never held against the state store's count: its job ended before that"
    keep_finding(spark, root, batch_id, Kind.UNCHECKED, what)
    return what
