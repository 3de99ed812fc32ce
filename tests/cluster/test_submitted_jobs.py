"""Jobs from dist/event_lake.zip on a cluster that loses processes: each event is once in each layer.

`make test-faults` does the same without speculation as well.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from subprocess import Popen
from typing import Any

import pytest
from deltalake import DeltaTable

from event_lake.lake import layout
from support.clusters import SPECULATION, standalone_cluster
from support.emulators import make_stream
from support.held_calls import HeldCalls, held_calls
from support.killing import Lake, kill, wait_for_more
from support.readers import by_delta_rs
from support.sent import an_event
from support.submitting import SubmittedJobs, cluster_environment

pytestmark = pytest.mark.cluster

EVENTS, COPIES, BAD = 360, 30, 10
# A test fails if an executor calls Kinesis no sooner.
MOST_SECONDS = 300


@dataclass
class Running:
    """A submitted ingest_raw, which runs until it's killed, and how many times records were `sent` to its stream."""

    jobs: SubmittedJobs
    kinesis: HeldCalls
    ingest: Popen[bytes]
    sent: int = 0

    def send(self) -> None:
        """Send events, copies of some, and records that are none, to two shards."""
        now = int(self.jobs.stream.client().now().timestamp())
        names = [f"{self.sent:08}-0000-4000-8000-{number:012}" for number in range(EVENTS)]
        self.sent += 1
        records = [an_event(event_uuid=name, created_at=now) for name in (*names, *names[:COPIES])]
        entries = [
            {"Data": record, "PartitionKey": str(number)} for number, record in enumerate([*records, *[b"x"] * BAD])
        ]
        assert self.jobs.stream.client().put_records(entries) == [None] * len(entries)

    def await_all(self) -> None:
        """Wait until the ledger has all that was sent."""
        while self.ledger()["read"] < self.sent * (EVENTS + COPIES + BAD):
            self.assert_runs()
            time.sleep(0.1)

    def assert_runs(self) -> None:
        self.jobs.assert_runs(self.ingest, "ingest_raw")

    def ledger(self) -> Counter[str]:
        """The sums of the ledger's counts, which are 0 where there's no ledger yet."""
        path = layout.LEDGER.path(self.jobs.root)
        rows = by_delta_rs(path).to_pylist() if DeltaTable.is_deltatable(path) else []
        return Counter({name: sum(row[name] for row in rows) for name in ("read", "raw", "duplicates", "quarantined")})

    def assert_each_once(self) -> None:
        uuids = by_delta_rs(layout.RAW_EVENTS.path(self.jobs.root)).column("event_uuid").to_pylist()
        assert (len(uuids), len(set(uuids))) == (self.sent * EVENTS, self.sent * EVENTS)
        assert by_delta_rs(layout.QUARANTINE.path(self.jobs.root)).num_rows == self.sent * BAD
        assert self.ledger() == {
            "read": self.sent * (EVENTS + COPIES + BAD),
            "raw": self.sent * EVENTS,
            "duplicates": self.sent * COPIES,
            "quarantined": self.sent * BAD,
        }

    def reader(self, port: int) -> tuple[int, Any]:
        """The worker's number and the process below it that calls Kinesis from this port."""
        found = self.jobs.cluster.caller(port)
        assert found
        return found


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(SPECULATION, id="speculation"),
        pytest.param({}, id="plain", marks=pytest.mark.faults),
    ],
)
def running(
    request: pytest.FixtureRequest, kinesis_endpoint: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    """One for all tests, each of which sends events of its own."""
    folder = tmp_path_factory.mktemp("submitted")
    with (
        held_calls(kinesis_endpoint) as kinesis,
        standalone_cluster(folder, cluster_environment(folder) | {"PYTHONPATH": ""}) as cluster,
    ):
        make_stream(kinesis_endpoint, folder.name, shards=2)
        jobs = SubmittedJobs(cluster, kinesis.stream(folder.name), folder, spark=request.param)
        ingest = jobs.start("ingest_raw")
        running = Running(jobs, kinesis, ingest)
        try:
            yield running
        finally:
            kill(running.ingest)


def test_a_python_worker_that_is_killed_while_it_reads_loses_and_doubles_no_event(running: Running) -> None:
    with running.kinesis.holding(_is_called_by_an_executor(running)) as caller:
        running.send()
        _, python = running.reader(caller.result(MOST_SECONDS))
        python.kill()
        python.wait()
    running.await_all()
    running.assert_each_once()


def test_a_worker_that_is_killed_while_its_executor_reads_loses_and_doubles_no_event(running: Running) -> None:
    with running.kinesis.holding(_is_called_by_an_executor(running)) as caller:
        running.send()
        worker, _ = running.reader(caller.result(MOST_SECONDS))
        running.jobs.cluster.kill_worker(worker)
    running.await_all()
    running.assert_each_once()
    running.jobs.cluster.start_worker(worker)


def test_a_driver_that_is_killed_between_two_commits_is_started_again_and_finishes_its_batch(running: Running) -> None:
    lake = Lake(running.jobs.root, "ingest_raw")
    running.send()
    wait_for_more(lambda: lake.commits(layout.RAW_EVENTS), running.assert_runs)
    kill(running.ingest)
    assert lake.done() < lake.planned()
    code, lines = running.jobs.run("ingest_raw", "--until-caught-up")
    assert code == 0, lines
    running.assert_each_once()


def test_staging_has_each_event_and_the_reconciliation_finds_nothing_wrong_after_all_that(running: Running) -> None:
    events = f"{running.sent * EVENTS:,}"
    code, lines = running.jobs.run("build_staging")
    assert (code, lines[-1:]) == (
        0,
        [f"{events} events from raw: {events} inserted, 0 replaced, 0 conflicts, 0 duplicates"],
    )
    code, lines = running.jobs.run("reconcile")
    assert code == 0, lines


def test_spark_has_speculated_where_it_was_to(running: Running, request: pytest.FixtureRequest) -> None:
    assert (running.jobs.cluster.speculative_attempts() > 0) == ("speculation" in request.node.name)


def _is_called_by_an_executor(running: Running) -> Callable[[int], bool]:
    return lambda port: running.jobs.cluster.caller(port) is not None
