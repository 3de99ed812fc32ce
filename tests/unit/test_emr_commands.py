"""The commands of `python -m infra.emr`, on an EMR Serverless and an S3 of moto's."""

import gzip
import io
import json
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from infra.emr.__main__ import main
from support.emr_serverless import make_application
from support.emulators import moto_endpoint
from support.scripted_answers import answers_endpoint

SETTINGS = """
[source]
stream = "events"
[lake]
root = "s3://lakes/events"
"""
REPEATED = (
    "EMR Serverless would repeat it whenever it starts the stream again; submit it once with --until-caught-up, and"
    " then the stream without it"
)


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with moto_endpoint() as url:
        boto3.client("s3", endpoint_url=url, region_name="us-east-1").create_bucket(Bucket="lakes")
        yield url


@pytest.fixture
def application_id(endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An application, with its deployment and everything that is uploaded in this folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    for folder in ("dist", "jobs", "conf/contracts"):
        Path(folder).mkdir(parents=True)
    for job in ("ingest_raw", "build_staging", "reconcile", "check_quality"):
        Path("jobs", f"{job}.py").write_text(f"# {job}\n")
    Path("dist/event_lake.zip").write_bytes(b"package")
    Path("dist/site_packages-x86_64.tar.gz").write_bytes(b"libraries of x86-64")
    Path("conf/prod.toml").write_text(SETTINGS)
    made = make_application(endpoint, "emr-spark-8.2.0")
    deploy(made)
    return made


def deploy(application_id: str, **changed: Any) -> None:
    keys = {
        "application_id": application_id,
        "region": "us-east-1",
        "execution_role_arn": "arn:aws:iam::123456789012:role/event-lake-emr",
        "artifacts_uri": "s3://lakes/artifacts",
        "logs_uri": "s3://lakes/logs",
        **changed,
    }
    Path("emr.toml").write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items() if value))


def runs_of(endpoint: str, application_id: str) -> list[dict[str, Any]]:
    client: Any = boto3.client("emr-serverless", endpoint_url=endpoint, region_name="us-east-1")
    try:
        runs = client.list_job_runs(applicationId=application_id)["jobRuns"]
    except client.exceptions.ResourceNotFoundException:  # moto has no list before the first run
        return []
    return [client.get_job_run(applicationId=application_id, jobRunId=run["id"])["jobRun"] for run in runs]


def content_of(endpoint: str, uri: str) -> bytes:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
    return client.get_object(Bucket=bucket, Key=key)["Body"].read()


def test_submit_uploads_what_the_run_needs_and_prints_its_id(
    application_id: str, endpoint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["submit", "--run-id", "tonight", "build-staging", "--config", "conf/prod.toml"]) == 0
    said = capsys.readouterr()
    [run] = runs_of(endpoint, application_id)
    assert said.out == f"{run['jobRunId']}\n"
    assert said.err == "infra.emr submit: starting --run-id tonight\n"
    submit = run["jobDriver"]["sparkSubmit"]
    assert submit["entryPointArguments"] == ["--config", "conf/prod.toml"]
    uris = [submit["entryPoint"], *re.findall(r"s3://[^\s,#]+", submit["sparkSubmitParameters"])]
    entry_point, package, libraries, conf = (content_of(endpoint, uri) for uri in uris)
    assert (entry_point, package, libraries) == (b"# build_staging\n", b"package", b"libraries of x86-64")
    with tarfile.open(fileobj=io.BytesIO(conf)) as files:
        assert files.getnames() == ["prod.toml"]
    assert re.fullmatch(r"s3://lakes/artifacts/[0-9a-f]{16}/event_lake.zip", uris[1])


def test_what_a_running_stream_was_started_with_is_never_overwritten(application_id: str, endpoint: str) -> None:
    words = ["submit", "ingest-raw", "--config", "conf/prod.toml"]
    assert main(words) == 0
    Path("dist/event_lake.zip").write_bytes(b"newer package")
    assert main(words) == 0
    packages = [
        re.findall(r"s3://\S+zip", run["jobDriver"]["sparkSubmit"]["sparkSubmitParameters"])[0]
        for run in runs_of(endpoint, application_id)
    ]
    assert {content_of(endpoint, uri) for uri in packages} == {b"package", b"newer package"}


def test_a_dry_run_shows_the_request_and_changes_nothing(
    application_id: str, endpoint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["submit", "--dry-run", "reconcile", "--config", "conf/prod.toml"]) == 0
    request = json.loads(capsys.readouterr().out)
    assert (request["applicationId"], request["mode"]) == (application_id, "BATCH")
    assert runs_of(endpoint, application_id) == []


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            ["ingest-raw", "--config", "conf/prod.toml", "--set", "raw.dedup_windw=1"],
            "unknown key raw.dedup_windw; did you mean raw.dedup_window?",
        ),
        (
            ["ingest-raw", "--config", "prod.toml"],
            "--config = 'prod.toml': only the folder 'conf' is uploaded; put it there, and write it like conf/…",
        ),
        (
            ["ingest-raw", "--config", "conf/prod.toml", "--set", "lake.root=a"],
            "lake.root = 'a': it would be lost with the machine that runs the job; write it like \"s3://bucket/lake\"",
        ),
        (
            ["reconcile", "--config", "conf/prod.toml", "--set", "spark.spark.master=local[*]"],
            "spark.\"spark.master\" = 'local[*]': EMR Serverless decides about it; leave the key out",
        ),
        (
            ["build-staging", "--config", "conf/prod.toml", "--set", "staging.contracts=a"],
            "staging.contracts = 'a': only the folder 'conf' is uploaded; put it there, and write it like conf/…",
        ),
        (
            ["build-staging", "--config", "conf/prod.toml", "--set", "staging.contracts=conf/none"],
            "staging.contracts = 'conf/none': no such folder; make it, or leave the key out to have no typed tables",
        ),
        (
            ["check-quality", "--config", "conf/prod.toml"],
            "quality.thresholds = 'conf/quality.toml': no such file; conf/quality.toml shows what it may hold",
        ),
        (
            ["ingest-raw", "--config", "conf/prod.toml", "--set", "source.max_batch_seconds=9"],
            (
                "source.max_batch_seconds = 9: one batch each raw.trigger_interval (60 s) would never catch up; set 120 or"
                " more"
            ),
        ),
        (
            ["ingest-raw", "--config", "conf/prod.toml", "--acknowledge", "3"],
            f"--acknowledge: {REPEATED}",
        ),
        (
            ["ingest-raw", "--config", "conf/prod.toml", "--new-checkpoint"],
            f"--new-checkpoint: {REPEATED}",
        ),
    ],
)
def test_what_a_user_must_fix_is_one_line_before_anything_is_started(
    words: list[str], line: str, application_id: str, endpoint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["submit", *words]) == 2
    assert capsys.readouterr().err == f"infra.emr submit: ConfigError: {line}\n"
    assert runs_of(endpoint, application_id) == []


def test_flags_that_a_stream_would_repeat_are_for_a_run_that_ends(application_id: str, endpoint: str) -> None:
    once = ["--acknowledge", "3", "--new-checkpoint", "--until-caught-up"]
    assert main(["submit", "ingest-raw", "--config", "conf/prod.toml", *once]) == 0
    assert len(runs_of(endpoint, application_id)) == 1


def test_a_flag_that_the_job_lacks_is_one_line(application_id: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["submit", "reconcile", "--config", "conf/prod.toml", "--dry"])
    line = "event-lake reconcile: unrecognized arguments: --dry (--help shows the flags)\n"
    assert (ended.value.code, capsys.readouterr().err) == (2, line)


def test_an_application_of_an_older_release_is_refused(
    application_id: str, endpoint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    deploy(make_application(endpoint, "emr-spark-8.0.0"))
    assert main(["submit", "reconcile", "--config", "conf/prod.toml"]) == 2
    assert "release label = 'emr-spark-8.0.0': Event Lake needs emr-spark-8.2.0" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("missing", "line"),
    [
        ("dist/event_lake.zip", "dist/event_lake.zip isn't there; run make package first"),
        (
            "dist/site_packages-x86_64.tar.gz",
            "dist/site_packages-x86_64.tar.gz isn't there; run python -m infra.emr package first",
        ),
        (
            "jobs/reconcile.py",
            "jobs/reconcile.py isn't there; run this in the repository's folder, which has it, first",
        ),
    ],
)
def test_what_was_not_built_is_named(
    missing: str, line: str, application_id: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(missing).unlink()
    assert main(["submit", "reconcile", "--config", "conf/prod.toml"]) == 2
    assert capsys.readouterr().err == f"infra.emr submit: UserError: {line}\n"


def test_a_deployment_that_is_not_there_is_one_line(application_id: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--deployment", "mine.toml", "00f2"]) == 2
    line = "--deployment mine.toml: no such file; infra/emr/emr.toml shows what it may hold"
    assert capsys.readouterr().err == f"infra.emr status: ConfigError: {line}\n"


def test_a_bucket_that_is_not_there_is_one_line(application_id: str, capsys: pytest.CaptureFixture[str]) -> None:
    deploy(application_id, artifacts_uri="s3://nowhere/artifacts")
    assert main(["submit", "reconcile", "--config", "conf/prod.toml"]) == 2
    said = "can't upload: NoSuchBucket: The specified bucket does not exist; check the bucket and its region"
    assert capsys.readouterr().err == f"infra.emr submit: UserError: s3://nowhere/artifacts: {said}\n"


def test_an_application_or_a_run_that_is_not_there_is_one_line(
    application_id: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["status", "00f2"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.startswith(
        f"infra.emr status: UserError: EMR Serverless application {application_id} in us-east-1: GetJobRun: ResourceNot"
    )


def test_a_run_is_watched_until_it_has_ended_and_then_cancelled(
    application_id: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["submit", "--run-id", "x", "reconcile", "--config", "conf/prod.toml"]) == 0
    run = capsys.readouterr().out.strip()
    assert main(["status", "--wait", run]) == 0
    assert capsys.readouterr().out == f"{run} (x), attempt 1: SUCCESS\n"
    assert main(["cancel", run]) == 0
    assert capsys.readouterr().out == f"{run} is asked to end within 600 s; status --wait tells when it has\n"
    assert main(["status", run]) == 1
    assert capsys.readouterr().out == f"{run} (x), attempt 1: CANCELLED\n"


def test_a_grace_that_emr_refuses_is_one_line(application_id: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cancel", "--grace-seconds", "5", "00f2"]) == 2
    line = "--grace-seconds 5: EMR Serverless takes 15 to 1800, or 0"
    assert capsys.readouterr().err == f"infra.emr cancel: UserError: {line}\n"


@pytest.mark.parametrize("folder", ["", "attempts/1/"], ids=["of a batch", "of a stream's attempt"])
def test_logs_are_the_drivers_from_s3(
    folder: str, application_id: str, endpoint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["submit", "reconcile", "--config", "conf/prod.toml"]) == 0
    run = capsys.readouterr().out.strip()
    assert main(["logs", run]) == 2
    problem = "EMR writes it some time after the driver has started"
    assert capsys.readouterr().err.endswith(f"s3://lakes/logs has no SPARK_DRIVER/stderr of {run}; {problem}\n")
    client: Any = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
    for stream in ("stdout", "stderr"):
        key = f"logs/applications/{application_id}/jobs/{run}/{folder}SPARK_DRIVER/{stream}.gz"
        client.put_object(Bucket="lakes", Key=key, Body=gzip.compress(f"{stream}\n".encode()))
    assert main(["logs", run]) == 0
    assert capsys.readouterr().out == "stderr\n"
    assert main(["logs", "--stdout", run]) == 0
    assert capsys.readouterr().out == "stdout\n"


def a_job_run(**changed: Any) -> dict[str, Any]:
    """A job run as EMR Serverless describes it, as far as we read it."""
    return {"jobRunId": "00f2", "name": "x", "state": "FAILED", "stateDetails": "no more attempts", **changed}


def test_a_stream_is_told_with_all_its_attempts(
    application_id: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = f"/applications/{application_id}/jobruns/00f2"
    attempts = [{"attempt": 2, "stateDetails": "exit\n3"}, {"attempt": 1, "stateDetails": "exit 2"}, {"attempt": 3}]
    answers = {
        run: [{"jobRun": a_job_run(state="RUNNING", attempt=1)}, {"jobRun": a_job_run(attempt=3)}],
        f"{run}/attempts": [{"jobRunAttempts": [a_job_run(**attempt) for attempt in attempts]}],
    }
    waits: list[float] = []
    with answers_endpoint(answers) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        assert main(["status", "--wait", "00f2"], sleep=waits.append) == 1
    assert capsys.readouterr().out.splitlines() == [
        "00f2 (x), attempt 1: FAILED: exit 2",
        "00f2 (x), attempt 2: FAILED: exit 3",
        "00f2 (x), attempt 3: FAILED: no more attempts",
    ]
    assert waits == [15.0]


def test_logs_without_a_place_of_their_own_are_behind_a_link(
    application_id: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    deploy(application_id, logs_uri=None)
    answers = {f"/applications/{application_id}/jobruns/00f2/dashboard": [{"url": "https://example.com/spark"}]}
    with answers_endpoint(answers) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        assert main(["logs", "00f2"]) == 0
    assert capsys.readouterr().out == "https://example.com/spark\n"
