"""What is asked of EMR Serverless: each request as a whole, as it leaves this machine."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from event_lake.errors import ConfigError
from infra.emr.deployment import Deployment, refuse_old_release
from infra.emr.requests import Run, Uploaded, cancel_request, start_request

UPLOADED = Uploaded(
    entry_point="s3://b/a/1/job.py",
    package="s3://b/a/2/event_lake.zip",
    libraries="s3://b/a/3/site_packages.tar.gz",
    conf="s3://b/a/4/settings.tar.gz",
)
NO_FOLDER = 'no folder in S3; write it like "s3://bucket/folder", without "/" at its end'
PARAMETERS = (
    "--py-files s3://b/a/2/event_lake.zip"
    " --archives s3://b/a/3/site_packages.tar.gz#site_packages,s3://b/a/4/settings.tar.gz#settings"
    " --conf spark.emr-serverless.driverEnv.PYSPARK_PYTHON=/usr/bin/python3.11"
    " --conf spark.emr-serverless.driverEnv.PYSPARK_DRIVER_PYTHON=/usr/bin/python3.11"
    " --conf spark.emr-serverless.driverEnv.PYTHONPATH=./site_packages"
    " --conf spark.emr-serverless.driverEnv.AWS_DEFAULT_REGION=eu-central-1"
    " --conf spark.executorEnv.PYSPARK_PYTHON=/usr/bin/python3.11"
    " --conf spark.executorEnv.PYTHONPATH=./site_packages"
    " --conf spark.executorEnv.AWS_DEFAULT_REGION=eu-central-1"
    " --conf spark.jars=/usr/share/aws/delta/lib/delta-spark.jar,/usr/share/aws/delta/lib/delta-storage.jar"
)


def a_deployment(**changed: Any) -> Deployment:
    settings: dict[str, Any] = {
        "application_id": "00f1abcdefgh2i0j",
        "region": "eu-central-1",
        "execution_role_arn": "arn:aws:iam::123456789012:role/event-lake-emr",
        "artifacts_uri": "s3://b/a",
        "conf": "settings",
    }
    return Deployment(**settings | changed)


def a_run(job: str, *flags: str) -> Run:
    return Run(job=job, flags=("--config", "settings/prod.toml", *flags), run_id=f"{job}-1")


class Wire:
    """A client of EMR Serverless that sends nothing: `sent` has the method, the URL and the body of each request."""

    def __init__(self) -> None:
        session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="eu-central-1")
        self.client: Any = session.client("emr-serverless")
        self.client.meta.events.register("before-send.emr-serverless", self._keep)
        self.sent: list[tuple[str, str, Any]] = []

    def _keep(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        body = json.loads(request.body) if request.body else None
        self.sent.append((str(request.method), str(request.url), body))
        return AWSResponse(str(request.url), 200, {}, Answer())


class Answer:
    """The body of an answer."""

    def stream(self) -> Iterator[bytes]:
        yield b"{}"


def test_ingest_is_a_stream_that_is_started_again_a_few_times_an_hour_and_has_no_timeout() -> None:
    wire = Wire()
    deployment = a_deployment(
        logs_uri="s3://b/logs",
        log_group="/event-lake/emr",
        tags={"project": "x"},
        spark={"spark.driver.extraJavaOptions": "-Da=1 -Db=2"},
    )
    wire.client.start_job_run(**start_request(deployment, a_run("ingest-raw"), UPLOADED))
    assert wire.sent == [
        (
            "POST",
            "https://emr-serverless.eu-central-1.amazonaws.com/applications/00f1abcdefgh2i0j/jobruns",
            {
                "clientToken": "ingest-raw-1",
                "name": "ingest-raw-1",
                "executionRoleArn": "arn:aws:iam::123456789012:role/event-lake-emr",
                "mode": "STREAMING",
                "retryPolicy": {"maxFailedAttemptsPerHour": 3},
                "executionTimeoutMinutes": 0,
                "jobDriver": {
                    "sparkSubmit": {
                        "entryPoint": "s3://b/a/1/job.py",
                        "entryPointArguments": ["--config", "settings/prod.toml", "--run-id", "ingest-raw-1"],
                        "sparkSubmitParameters": PARAMETERS,
                    }
                },
                "configurationOverrides": {
                    "applicationConfiguration": [
                        {
                            "classification": "spark-defaults",
                            "properties": {"spark.driver.extraJavaOptions": "-Da=1 -Db=2"},
                        }
                    ],
                    "monitoringConfiguration": {
                        "s3MonitoringConfiguration": {"logUri": "s3://b/logs"},
                        "cloudWatchLoggingConfiguration": {
                            "enabled": True,
                            "logGroupName": "/event-lake/emr",
                            "logStreamNamePrefix": "ingest-raw",
                            "logTypes": {"SPARK_DRIVER": ["STDOUT", "STDERR"]},
                        },
                    },
                },
                "tags": {"project": "x", "event-lake:job": "ingest-raw", "event-lake:run-id": "ingest-raw-1"},
            },
        )
    ]


@pytest.mark.parametrize(
    "run",
    [a_run("build-staging"), a_run("reconcile", "--json"), a_run("ingest-raw", "--until-caught-up")],
    ids=lambda run: run.job,
)
def test_a_job_that_ends_is_a_batch_that_is_tried_once(run: Run) -> None:
    wire = Wire()
    wire.client.start_job_run(**start_request(a_deployment(), run, UPLOADED))
    [(_, _, body)] = wire.sent
    assert body == {
        "clientToken": run.run_id,
        "name": run.run_id,
        "executionRoleArn": "arn:aws:iam::123456789012:role/event-lake-emr",
        "mode": "BATCH",
        "retryPolicy": {"maxAttempts": 1},
        "jobDriver": {
            "sparkSubmit": {
                "entryPoint": "s3://b/a/1/job.py",
                "entryPointArguments": [*run.flags, "--run-id", run.run_id],
                "sparkSubmitParameters": PARAMETERS,
            }
        },
        "configurationOverrides": {},
        "tags": {"event-lake:job": run.job, "event-lake:run-id": run.run_id},
    }


def test_a_repeated_request_has_the_same_token() -> None:
    requests = [start_request(a_deployment(), a_run("reconcile"), UPLOADED) for _ in range(2)]
    assert requests[0] == requests[1]


@pytest.mark.parametrize("run_id", ["", "a b", "ä", "x" * 65])
def test_a_name_of_a_run_that_is_no_token_is_one_line(run_id: str) -> None:
    with pytest.raises(ConfigError) as refused:
        Run(job="reconcile", flags=(), run_id=run_id)
    assert str(refused.value) == f"--run-id = '{run_id}': it has 1 to 64 of letters, digits, '_', '.' and '-'"


def test_cancel_gives_the_batch_time() -> None:
    wire = Wire()
    wire.client.cancel_job_run(**cancel_request(a_deployment(), "00f2run", 600))
    url = "https://emr-serverless.eu-central-1.amazonaws.com/applications/00f1abcdefgh2i0j/jobruns/00f2run"
    assert wire.sent == [("DELETE", f"{url}?shutdownGracePeriodInSeconds=600", None)]


@pytest.mark.parametrize("label", ["emr-spark-8.2.0", "emr-spark-8.10.0", "emr-spark-9.0.0"])
def test_releases_with_spark_4_1_are_taken(label: str) -> None:
    refuse_old_release(label)


@pytest.mark.parametrize(
    "label", ["emr-7.9.0", "emr-8.2.0", "emr-spark-8.0-preview", "emr-spark-8.0.0", "emr-spark-8.1.9"]
)
def test_older_releases_are_refused(label: str) -> None:
    with pytest.raises(ConfigError) as refused:
        refuse_old_release(label)
    assert str(refused.value) == (
        f"release label = '{label}': Event Lake needs emr-spark-8.2.0 or newer, which has Spark 4.1; make an"
        " application of that release"
    )


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"application_id": "arn:aws:x"}, "application_id = 'arn:aws:x': write it like \"00f1abcdefgh2i0j\""),
        ({"region": "EU"}, "region = 'EU': write it like \"eu-central-1\""),
        (
            {"execution_role_arn": "role/x"},
            "execution_role_arn = 'role/x': write it like \"arn:aws:iam::123456789012:role/name\"",
        ),
        (
            {"artifacts_uri": "s3://b/"},
            'artifacts_uri = \'s3://b/\': no folder in S3; write it like "s3://bucket/folder", without "/" at its end',
        ),
        (
            {"logs_uri": "logs"},
            'logs_uri = \'logs\': no folder in S3; write it like "s3://bucket/folder", without "/" at its end',
        ),
        ({"log_group": "a b"}, "log_group = 'a b': write it like \"/event-lake/emr\""),
        ({"conf": "a/conf"}, "conf = 'a/conf': write it like \"conf\""),
        (
            {"max_failed_attempts_per_hour": 11},
            "max_failed_attempts_per_hour = 11: EMR Serverless takes 1 to 10",
        ),
        ({"tags": {"a": "ä"}}, "tags.a = 'ä': write it like \"event-lake\""),
        ({"spark": {"executor.cores": "4"}}, "spark = 'executor.cores': write it like \"spark.executor.cores\""),
        (
            {"spark": {"spark.jars": "s3://b/a.jar"}},
            "spark = 'spark.jars': submit sets it, and its own value would win; leave the key out",
        ),
    ],
)
def test_a_deployment_that_aws_would_refuse_is_one_line(changed: Mapping[str, Any], line: str) -> None:
    with pytest.raises(ConfigError) as refused:
        a_deployment(**changed)
    assert str(refused.value) == line
