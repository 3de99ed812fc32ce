"""What a progress event says of a batch, and whether its ledger balances."""

import pytest

from event_lake.lake.ledger import Totals, Written
from event_lake.progress.report import BatchReport, is_of_batch, make_report
from event_lake.raw.lost_records import find_loss
from support.batch_reports import BEGAN, a_receipt, a_report, an_event


def test_a_report_sums_up_receipts_durations_and_state() -> None:
    event = an_event(
        a_receipt("a", millis_behind=700, throttled=1, hole="AT_SEQUENCE_NUMBER 1"),
        a_receipt("b", millis_behind=900),
        numDroppedDuplicateRows=2,
        numRowsDroppedByWatermark=1,
    )
    totals = Totals(read=6, raw=3, quarantined=1, duplicates=2)
    assert make_report(event, Written(totals=totals, known=1)) == BatchReport(
        batch_id=5,
        began=BEGAN,
        seconds=2.0,
        planning_seconds=0.1,
        writing_seconds=1.5,
        totals=totals,
        known=1,
        dropped=2,
        late=1,
        received=6,
        shards=2,
        records=4,
        bytes=100,
        calls=8,
        throttled=1,
        holes=1,
        lag_ms=900,
        state_rows_added=2,
        state_rows_removed=1,
        state_memory_bytes=1000,
        state_disk_bytes=2000,
    )


def test_a_shard_that_was_read_again_counts_once() -> None:
    event = an_event(a_receipt("a", calls=4), a_receipt("a", calls=9))
    report = make_report(event, Written(totals=Totals()))
    assert (report.shards, report.received, report.records) == (1, 3, 2)


def test_a_batch_without_receipts_where_there_should_be_some_received_nothing() -> None:
    event = an_event()
    del event["observedMetrics"]
    assert make_report(event, Written(totals=Totals())).received == 0


def test_without_deduplication_nothing_is_known_of_duplicates() -> None:
    event = an_event() | {"stateOperators": []}
    report = make_report(event, Written(totals=Totals()))
    assert (report.dropped, report.imbalance) == (None, None)


def test_rates_and_times_follow_from_the_duration() -> None:
    report = a_report(seconds=2.5, totals=Totals(read=1000))
    assert (report.events_per_second, report.ended) == (400.0, BEGAN.replace(second=24, microsecond=750_000))


def test_an_idle_trigger_is_not_taken_for_the_batch_that_it_announces() -> None:
    # Spark copies the counts of the batch before into it.
    idle = an_event(batch_id=6, numDroppedDuplicateRows=9) | {"durationMs": {"latestOffset": 9, "triggerExecution": 9}}
    assert [is_of_batch(idle, 6), is_of_batch(an_event(batch_id=6), 6), is_of_batch(an_event(batch_id=5), 6)] == [
        False,
        True,
        False,
    ]


@pytest.mark.parametrize(
    "balanced",
    [
        a_report(),
        a_report(totals=Totals(read=10, raw=6, duplicates=4), known=1),
        # A task that ran again counts its rows again.
        a_report(dropped=6),
        a_report(dropped=None),
    ],
)
def test_a_batch_in_which_every_record_is_accounted_for_lost_none(balanced: BatchReport) -> None:
    assert find_loss(balanced) is None


@pytest.mark.parametrize(
    ("report", "line"),
    [
        (
            a_report(dropped=2),
            (
                "the ledger doesn't balance: batch 5: 3 duplicates by the ledger, but the state store dropped 2 and the"
                " writer 0: 1 records vanished"
            ),
        ),
        (
            a_report(totals=Totals(read=2010, raw=7, duplicates=2003), received=2010, known=1, dropped=3),
            (
                "the ledger doesn't balance: batch 5: 2,003 duplicates by the ledger, but the state store dropped 3 and"
                " the writer 1: 1,999 records vanished"
            ),
        ),
        (
            a_report(received=11),
            "the ledger doesn't balance: batch 5: 11 records came from Kinesis, 10 are in the ledger",
        ),
        (
            a_report(late=4, totals=Totals(), received=4),
            (
                "batch 5: Spark dropped 4 rows as late: this machine's clock is behind the one that ran the batches"
                " before; set it right"
            ),
        ),
    ],
)
def test_lost_records_are_named_with_batch_and_numbers(report: BatchReport, line: str) -> None:
    assert find_loss(report) == line


def test_late_rows_are_lost_though_nothing_was_received() -> None:
    assert find_loss(a_report(late=1, received=0)) is not None
