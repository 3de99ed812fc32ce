"""`python -m infra.emr` status, logs and cancel, on an EMR Serverless of moto's, or one of written answers."""

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from infra.emr.__main__ import main
from support.emr_applications import deploy, deploy_application, lakes_endpoint
from support.scripted_answers import answers_endpoint


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with lakes_endpoint() as url:
        yield url


@pytest.fixture
def application_id(endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An application, with its deployment and everything that is uploaded in this folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    return deploy_application(endpoint)


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
