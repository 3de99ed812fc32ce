"""Find out, after each batch, whether records were lost between Kinesis and the ledger."""

from event_lake.progress.report import BatchReport


def find_loss(report: BatchReport) -> str | None:
    """Return a line that says which records the batch lost between Kinesis and the ledger; None if it lost none."""
    batch, totals = f"batch {report.batch_id}", report.totals
    # A late batch is refused before it's written (`kept_checks`). This finds rows that Spark dropped all the same.
    if report.late:
        return (
            f"{batch}: Spark dropped {report.late:,} rows as late: this machine's clock is behind the one that ran the"
            " batches before; set it right"
        )
    if report.received > totals.read:
        return (
            f"the ledger doesn't balance: {batch}: {report.received:,} records came from Kinesis, {totals.read:,} are"
            " in the ledger"
        )
    if report.imbalance is not None and report.imbalance > 0:
        return (
            f"the ledger doesn't balance: {batch}: {totals.duplicates:,} duplicates by the ledger, but the state store"
            f" dropped {report.dropped:,} and the writer {report.known:,}: {report.imbalance:,} records vanished"
        )
    return None
