"""`python -m infra.emr submit`, on an EMR Serverless and an S3 of moto's."""

import io
import json
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from infra.emr.__main__ import main
from support.emr_applications import deploy, deploy_application, lakes_endpoint, make_application, runs_of

ELSEWHERE = "only the folder 'conf' is uploaded; put it there, and write it like conf/…"
REPEATED = (
    "EMR Serverless would repeat it whenever it starts the stream again; submit it once with --until-caught-up, and"
    " then the stream without it"
)


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
    assert submit["entryPointArguments"] == ["--config", "conf/prod.toml", "--run-id", "tonight"]
    uris = [submit["entryPoint"], *re.findall(r"s3://[^\s,#]+", submit["sparkSubmitParameters"])]
    entry_point, package, libraries, conf = (content_of(endpoint, uri) for uri in uris)
    assert (entry_point, package, libraries) == (b"build_staging", b"package", b"libraries of x86-64")
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
            f"--config = 'prod.toml': {ELSEWHERE}",
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
            f"staging.contracts = 'a': {ELSEWHERE}",
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
                "source.max_batch_seconds = 9: one batch each raw.trigger_interval (60 s) would never catch up; set"
                " 120 or more"
            ),
        ),
        (
            ["ingest-raw", "--config", "conf/prod.toml", "--set", "source.start_from=positions.json"],
            f"source.start_from = 'positions.json': {ELSEWHERE}",
        ),
        (
            ["reconcile", "--config", "conf/prod.toml", "--run-id", "tonight"],
            "--run-id = 'tonight': it's a flag of submit; put it before the job's name",
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
