"""Applications of EMR Serverless in the moto that runs in this process: what is uploaded for them, and their runs."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.emrserverless.models import emrserverless_backends

from support.emulators import moto_endpoint

_SETTINGS = """
[source]
stream = "events"
[lake]
root = "s3://lakes/events"
"""


@contextmanager
def lakes_endpoint() -> Iterator[str]:
    """Run moto's server in this process, with the bucket "lakes", while the block runs. The block gets its URL."""
    with moto_endpoint() as url:
        boto3.client("s3", endpoint_url=url, region_name="us-east-1").create_bucket(Bucket="lakes")
        yield url


def deploy_application(endpoint: str) -> str:
    """Make an application, write its deployment and all that is uploaded into the current folder, and return its id."""
    lay_out()
    made = make_application(endpoint, "emr-spark-8.2.0")
    deploy(made)
    return made


def make_application(endpoint: str, release: str, region: str = "us-east-1") -> str:
    """Make an application of any release in the moto that runs in this process at `endpoint`, and return its id."""
    client = boto3.client("emr-serverless", endpoint_url=endpoint, region_name=region)
    # moto takes only labels of older releases.
    made = client.create_application(type="SPARK", releaseLabel="emr-7.9.0", clientToken="token")
    set_release(release, region)
    return str(made["applicationId"])


def set_release(release: str, region: str) -> None:
    """Let the newest application of the moto that runs in this process be of any release."""
    applications = emrserverless_backends[DEFAULT_ACCOUNT_ID][region].applications
    if applications:
        list(applications.values())[-1].release_label = release


def lay_out() -> None:
    """Write into the current folder what `submit` uploads; each file says what it stands for."""
    for folder in ("dist", "jobs", "conf/contracts"):
        Path(folder).mkdir(parents=True)
    for job in ("ingest_raw", "build_staging", "reconcile", "check_quality"):
        Path("jobs", f"{job}.py").write_text(job, "utf-8")
    Path("dist/event_lake.zip").write_text("package", "utf-8")
    Path("dist/site_packages-x86_64.tar.gz").write_text("libraries of x86-64", "utf-8")
    Path("conf/prod.toml").write_text(_SETTINGS, "utf-8")


def deploy(application_id: str, **changed: str | None) -> None:
    """Write emr.toml into the current folder: the application's, with artifacts and logs in the bucket `lakes`."""
    keys = {
        "application_id": application_id,
        "region": "us-east-1",
        "execution_role_arn": "arn:aws:iam::123456789012:role/event-lake-emr",
        "artifacts_uri": "s3://lakes/artifacts",
        "logs_uri": "s3://lakes/logs",
        **changed,
    }
    lines = [f"{key} = {json.dumps(value)}\n" for key, value in keys.items() if value]
    Path("emr.toml").write_text("".join(lines), "utf-8")


def runs_of(endpoint: str, application_id: str, region: str = "us-east-1") -> list[dict[str, Any]]:
    """Return the job runs of an application, in their order, as `get_job_run` tells them."""
    client: Any = boto3.client("emr-serverless", endpoint_url=endpoint, region_name=region)
    try:
        runs = client.list_job_runs(applicationId=application_id)["jobRuns"]
    except client.exceptions.ResourceNotFoundException:  # moto has no list before the first run
        return []
    return [client.get_job_run(applicationId=application_id, jobRunId=run["id"])["jobRun"] for run in runs]
