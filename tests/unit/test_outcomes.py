"""How the runs of a job ended, kept in the lake by each run and read by whoever wants to know."""

import json
import logging
from collections.abc import Callable
from pathlib import Path

import boto3
import pytest

from event_lake.config.settings import Lake, Settings, Source
from event_lake.errors import ConfigError, DataLossError, EventLakeError, UserError
from event_lake.lake.lease_stores import LocalFile
from event_lake.lake.outcomes import JOBS, Outcome, RunNotes, keep_outcome, outcomes
from event_lake.lake.window import Batches


def run_of(
    root: str, run_id: str | None = None, *, job: str = "ingest_raw", fails: BaseException | None = None
) -> None:
    notes = RunNotes(job, run_id)
    notes.window = batches = Batches()
    with keep_outcome(root, notes):
        batches.add(3, 3)
        batches.add(4, 7)
        if fails:
            raise fails
        notes.last_line = "2 records read"


@pytest.fixture
def root(tmp_path: Path) -> str:
    """A lake that is there."""
    return str(tmp_path)


def told(root: str, job: str = "ingest_raw") -> list[tuple[str, int, str]]:
    return [(one.run_id, one.exit_code, one.last_line) for one in outcomes(root, job)]


def test_a_run_that_ends_well_keeps_its_totals_its_batches_and_its_times(root: str) -> None:
    run_of(root, "a")
    [outcome] = outcomes(Settings(source=Source(stream="events"), lake=Lake(root=root)), "ingest_raw")
    assert outcome == Outcome(
        job="ingest_raw",
        run_id="a",
        exit_code=0,
        last_line="2 records read",
        window="batches 3 to 7",
        begun_at=outcome.begun_at,
        ended_at=outcome.ended_at,
    )
    assert outcome.begun_at <= outcome.ended_at
    assert outcome.begun_at.isoformat().endswith("+00:00")


SPARK_SAYS = 'Traceback\nevent_lake.errors.DataLossError: records expired\nJVM stacktrace of {"secret": 1}'


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (UserError("what and how"), 2, "UserError: what and how"),
        (RuntimeError(SPARK_SAYS), 3, "DataLossError: records expired"),
        (OSError('{"secret": 1}'), 1, "OSError: its traceback is in the run's own output"),
        (KeyboardInterrupt(), 130, "stopped"),
    ],
)
def test_a_run_that_fails_keeps_its_exit_code_and_its_error_without_values_of_rows(
    root: str, error: BaseException, code: int, line: str
) -> None:
    with pytest.raises(type(error)):
        run_of(root, "a", fails=error)
    assert told(root) == [("a", code, line)]
    assert "secret" not in Path(root, "_leases", "ingest_raw-outcomes.json").read_text("utf-8")
    assert outcomes(root, "ingest_raw")[0].window == "batches 3 to 7"


def test_a_code_that_a_run_returns_is_its_exit_code(root: str) -> None:
    notes = RunNotes("reconcile", "a")
    with keep_outcome(root, notes):
        notes.exit_code = 7
    assert told(root, "reconcile") == [("a", 7, "")]


def test_the_newest_20_runs_are_kept_the_last_first_and_each_job_has_its_own(root: str) -> None:
    for number in range(25):
        run_of(root, f"run {number}")
    run_of(root, "another", job="reconcile")
    assert [run_id for run_id, _, _ in told(root)] == [f"run {number}" for number in range(24, 4, -1)]
    assert [run_id for run_id, _, _ in told(root, "reconcile")] == ["another"]


def test_a_run_that_is_given_no_name_gets_one_of_its_own(root: str) -> None:
    run_of(root)
    run_of(root)
    first, second = (outcome.run_id for outcome in outcomes(root, "ingest_raw"))
    assert first != second
    assert first.startswith("20")


def test_no_runs_are_no_outcomes_and_nothing_is_made(root: str) -> None:
    assert outcomes(root, "build_staging") == []
    assert list(Path(root).iterdir()) == []


def test_a_lake_that_is_not_there_is_not_made(root: str, warnings: Callable[[], list[str]]) -> None:
    run_of(f"{root}/mistaken", "a")
    assert (list(Path(root).iterdir()), warnings()) == ([], [])


def test_outcomes_are_kept_in_s3(kinesis_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", kinesis_endpoint)
    boto3.client("s3").create_bucket(Bucket="outcomes")
    root = "s3://outcomes/lake"
    run_of(root, "a")
    run_of(root, "b")
    assert [run_id for run_id, _, _ in told(root)] == ["b", "a"]
    listed = boto3.client("s3").list_objects_v2(Bucket="outcomes")["Contents"]
    assert [found["Key"] for found in listed] == ["lake/_leases/ingest_raw-outcomes.json"]


@pytest.fixture
def warnings(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    caplog.set_level(logging.INFO, "event_lake")
    return lambda: [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def test_an_outcome_that_cannot_be_kept_is_one_warning_and_the_run_ends_as_it_did(
    tmp_path: Path, warnings: Callable[[], list[str]]
) -> None:
    root = str(tmp_path)
    (tmp_path / "_leases").write_bytes(b"")
    run_of(root, "a")
    with pytest.raises(DataLossError, match="what"):
        run_of(root, "a", fails=DataLossError("what"))
    reason = f"lake {root}: {root}/_leases/ingest_raw-outcomes.json: Not a directory; check lake.root and its disk"
    assert warnings() == [f"the outcome of run a isn't kept: {reason}"] * 2


def test_where_no_outcome_can_be_kept_a_run_ends_as_it_did_without_a_warning_and_who_asks_is_told(
    warnings: Callable[[], list[str]],
) -> None:
    run_of("hdfs://name/lake", "a")
    assert warnings() == []
    with pytest.raises(UserError, match="lake hdfs://name/lake: its storage keeps no outcomes; local"):
        outcomes("hdfs://name/lake", "ingest_raw")


def test_a_job_that_is_not_there_is_told() -> None:
    with pytest.raises(ConfigError, match=r"no outcomes of a job 'ingest-raw' are kept; did you mean ingest_raw\?"):
        outcomes("lake", "ingest-raw")


def test_damaged_outcomes_are_replaced_and_those_of_a_newer_version_are_left_alone(
    root: str, warnings: Callable[[], list[str]]
) -> None:
    store = LocalFile(root, "ingest_raw-outcomes")
    for damaged in (b"[1", b"[]", b'{"outcomes": [{"run_id": "a"}]}'):
        before = store.read()
        assert (store.replace(before[1], damaged) if before else store.create(damaged)) is not None
        assert outcomes(root, "ingest_raw") == []
        run_of(root, "b")
        assert [run_id for run_id, _, _ in told(root)] == ["b"]
    newer = json.dumps({"format": 2, "outcomes": []}).encode()
    before = store.read()
    assert before
    assert store.replace(before[1], newer)
    run_of(root, "c")
    [warning] = warnings()
    assert "was written by a newer Event Lake: it has format 2" in warning
    assert (store.read() or (b"",))[0] == newer
    with pytest.raises(EventLakeError, match="a newer Event Lake"):
        outcomes(root, "ingest_raw")


def test_each_command_that_keeps_outcomes_is_one_of_the_jobs() -> None:
    assert [job for job in JOBS if not Path(f"lib/event_lake/commands/{job}.py").exists()] == []
