"""The checks of ingest_raw's batches, kept over the end of a run: what was found stays found."""

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
    """Settle what earlier runs found, before a batch is begun; returns whether a new checkpoint is needed.

    It is behind an acknowledged batch that was late: Spark would plan it again with the same clock. A batch that a
    crash left unchecked is named in the log and in raw/findings. The findings in the batches `acknowledged` are noted
    with `user`. Raises DataLossError while another finding stands, and UserError for a batch in which none stands.
    """
    unchecked = checkpoint.unchecked
    if unchecked is not None:
        if checkpoint.has_committed(unchecked.spark_batch):
            _log.warning("%s", _keep_unchecked(spark, root, unchecked.batch_id))
        checkpoint.strike_unchecked()
    found = read_findings(spark, root)
    known = find_standing(found, acknowledged)
    is_late = any(finding.kind is Kind.LATE for finding in known)
    if is_late:
        # First: a crash behind the acknowledgement would leave a batch that is late again.
        checkpoint.begin_replacement()
    acknowledge(spark, root, known, user)
    for finding in known:
        _log.warning("acknowledged by %s: %s", user, finding)
    refuse_standing([finding for finding in found if finding not in known])
    return is_late


class KeptChecks(Checks):
    """Keeps what is found in the lake at `root`, and beside the `checkpoint` which batch isn't checked yet."""

    def __init__(self, spark: SparkSession, root: str, checkpoint: Checkpoint, *, first_batch: int) -> None:
        super().__init__(first_batch=first_batch)
        self._spark = spark
        self._root = root
        self._checkpoint = checkpoint

    def awaited(self, batch_id: int) -> None:
        """Note it, so that a crash can't hide that it wasn't checked."""
        self._checkpoint.note_unchecked(Unchecked(batch_id, batch_id - self.first_batch))

    def passed(self) -> None:
        """Strike the note."""
        self._checkpoint.strike_unchecked()

    def failed(self, batch_id: int, what: str) -> None:
        """Keep the finding."""
        keep_finding(self._spark, self._root, batch_id, Kind.LOST, what)
        self._checkpoint.strike_unchecked()

    def missed(self, batch_id: int) -> None:
        """Keep that it wasn't checked."""
        _keep_unchecked(self._spark, self._root, batch_id)
        self._checkpoint.strike_unchecked()

    def refuse_late(self, batch_id: int, planned: PlannedBatch, before: PlannedBatch) -> None:
        """Raise DataLossError, and keep the finding, if Spark would drop all rows of the batch behind `before`."""
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
