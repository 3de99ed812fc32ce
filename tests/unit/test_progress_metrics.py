"""Metrics of batches, and that nothing about them stops or slows a run."""

import threading
from collections.abc import Sequence
from functools import partial
from typing import Any

import boto3
import pytest

from event_lake.aws.cloudwatch import CloudWatch, CloudWatchMetric
from event_lake.lake.ledger import Totals
from event_lake.progress.metrics import MetricsReporter, metrics_of
from support.batch_reports import BEGAN, a_report

ENDED = BEGAN.replace(second=24)
REPORT = a_report(totals=Totals(read=10, raw=6, quarantined=1, duplicates=3), bytes=99, throttled=2, lag_ms=700)
COUNT = len(metrics_of(REPORT, "events"))


def test_a_batch_is_these_metrics_at_its_end() -> None:
    made = metrics_of(REPORT, "events")
    assert {(metric.time, metric.dimension) for metric in made} == {(ENDED, ("Stream", "events"))}
    assert [(metric.name, metric.value, metric.unit) for metric in made] == [
        ("RecordsRead", 10, "Count"),
        ("EventsWritten", 6, "Count"),
        ("DuplicatesDropped", 3, "Count"),
        ("RecordsQuarantined", 1, "Count"),
        ("BytesRead", 99, "Bytes"),
        ("LagMilliseconds", 700, "Milliseconds"),
        ("BatchSeconds", 2.0, "Seconds"),
        ("ThrottledCalls", 2, "Count"),
        ("ShardsWithHoles", 0, "Count"),
        ("LedgerImbalance", 0, "Count"),
        ("StateRowsAdded", 0, "Count"),
        ("StateRowsRemoved", 0, "Count"),
        ("StateMemoryBytes", 0, "Bytes"),
        ("StateDiskBytes", 0, "Bytes"),
    ]


def test_what_is_not_known_is_no_metric() -> None:
    names = {metric.name for metric in metrics_of(a_report(dropped=None, lag_ms=None), "events")}
    assert names.isdisjoint({"LagMilliseconds", "LedgerImbalance"})


def test_what_waits_is_put_at_the_end(kinesis_endpoint: str, request: pytest.FixtureRequest) -> None:
    namespace = request.node.name
    reporter = MetricsReporter(partial(CloudWatch("us-east-1", kinesis_endpoint).put, namespace), "events")
    reporter.finished(REPORT)
    reporter.close()
    boto: Any = boto3.client("cloudwatch", region_name="us-east-1", endpoint_url=kinesis_endpoint)
    listed = boto.list_metrics(Namespace=namespace)["Metrics"]
    assert sorted(metric["MetricName"] for metric in listed) == sorted(
        metric.name for metric in metrics_of(REPORT, "events")
    )
    assert reporter.dropped == 0


def test_batches_that_gather_are_put_in_one_go() -> None:
    puts: list[int] = []
    reporter = MetricsReporter(lambda metrics: puts.append(len(metrics)), "events")
    reporter.finished(REPORT)
    reporter.finished(REPORT)
    reporter.close()
    assert puts == [2 * COUNT]


def test_metrics_are_put_while_the_run_goes_on() -> None:
    came = threading.Event()
    reporter = MetricsReporter(lambda _: came.set(), "events", gather_seconds=0.01)
    reporter.finished(REPORT)
    assert came.wait(60)
    reporter.close()


def test_metrics_that_are_refused_are_dropped_and_counted_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    tried = threading.Semaphore(0)

    def refuse(_: Sequence[CloudWatchMetric]) -> None:
        tried.release()
        raise ConnectionError("no route")

    now = [1000.0]
    reporter = MetricsReporter(refuse, "events", gather_seconds=0.01, clock=lambda: now[0])
    for _ in range(3):
        reporter.finished(REPORT)
        assert tried.acquire(timeout=60)
    now[0] += 601
    reporter.finished(REPORT)
    reporter.close()
    assert reporter.dropped == 4 * COUNT
    assert [record.getMessage() for record in caplog.records] == [
        f"{COUNT} metrics dropped so far: no route",
        f"{4 * COUNT} metrics dropped so far: no route",
    ]


def test_a_service_that_does_not_answer_holds_up_neither_batches_nor_the_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    asked, answers = threading.Event(), threading.Event()

    def hang(_: Sequence[CloudWatchMetric]) -> None:
        asked.set()
        answers.wait(60)

    reporter = MetricsReporter(hang, "events", gather_seconds=0.01, most_waiting=2 * COUNT)
    reporter.finished(REPORT)
    assert asked.wait(60)
    for _ in range(5):
        reporter.finished(REPORT)
    assert reporter.dropped == 3 * COUNT
    reporter.close(patience_seconds=0.05)
    answers.set()
    assert reporter.dropped >= 5 * COUNT
    assert caplog.messages == ["1 metrics dropped so far: it doesn't keep up"]
