"""What is uploaded to EMR Serverless, and asked of it, runs here by the Spark and the Python that its release has."""

import platform
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pyspark
import pytest

from event_lake.__main__ import main as event_lake
from infra.emr.__main__ import main as emr
from support.emr_applications import make_application, runs_of
from support.emr_worker import Worker
from support.emulators import make_stream, moto_endpoint

pytestmark = [
    pytest.mark.slow,
    pytest.mark.spark41,
    pytest.mark.skipif(not pyspark.__version__.startswith("4.1."), reason="EMR has Spark 4.1: make test-some41"),
    pytest.mark.skipif(
        (*platform.python_version_tuple()[:2], platform.machine()) != ("3", "11", "x86_64"),
        reason="the archive is for Python 3.11 on x86-64",
    ),
]
ROOT = "s3://emr-lake/events"
SETTINGS = f"""
[source]
stream = "events"
region = "us-east-1"
[lake]
root = "{ROOT}"
[staging]
contracts = "conf/contracts"
"""
DEPLOYMENT = """
region = "us-east-1"
execution_role_arn = "arn:aws:iam::123456789012:role/event-lake-emr"
artifacts_uri = "s3://emr-lake/artifacts"
[spark]
"spark.executor.extraJavaOptions" = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
"spark.driver.extraJavaOptions" = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
"spark.databricks.delta.snapshotPartitions" = "1"
"spark.sql.shuffle.partitions" = "2"
"""


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """moto, with a stream that holds events, and a bucket."""
    with moto_endpoint() as url:
        make_stream(url, "events")
        boto3.client("s3", endpoint_url=url, region_name="us-east-1").create_bucket(Bucket="emr-lake")
        yield url


@pytest.fixture(scope="module")
def deployed(endpoint: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The application, with its archives built, in a folder that looks like this repository."""
    application_id = make_application(endpoint, "emr-spark-8.2.0")
    folder = tmp_path_factory.mktemp("deployed")
    for name in ("dist", "jobs"):
        (folder / name).symlink_to(Path(name).absolute())
    (folder / "conf/contracts").mkdir(parents=True)
    (folder / "conf/contracts/lesson.toml").write_bytes(Path("conf/contracts/lesson.toml").read_bytes())
    (folder / "conf/prod.toml").write_text(SETTINGS, "utf-8")
    (folder / "emr.toml").write_text(f'application_id = "{application_id}"\n{DEPLOYMENT}', "utf-8")
    with pytest.MonkeyPatch.context() as environment:
        environment.chdir(folder)
        environment.setenv("AWS_ENDPOINT_URL", endpoint)
        assert emr(["package", "--architecture", "X86_64"]) == 0
        settings = ["--config", "conf/prod.toml", "--set", f"source.endpoint_url={endpoint}"]
        assert event_lake(["generate-events", *settings, "--count", "300"]) == 0
        yield application_id


def request_for(application_id: str, endpoint: str, job: str, *flags: str) -> dict[str, Any]:
    """What `submit` asked EMR Serverless for, as moto got it."""
    assert emr(["submit", job, "--config", "conf/prod.toml", *flags]) == 0
    return runs_of(endpoint, application_id)[-1]


def test_the_jobs_run_from_what_was_uploaded_by_a_python_without_libraries(
    deployed: str, endpoint: str, tmp_path: Path
) -> None:
    worker = Worker(tmp_path, ROOT)
    bare = subprocess.run([worker.python, "-c", "import pyarrow"], capture_output=True, text=True, check=False)
    assert "No module named 'pyarrow'" in bare.stderr
    flags = ("--set", f"source.endpoint_url={endpoint}", "--until-caught-up")
    ingested = worker.run(request_for(deployed, endpoint, "ingest-raw", *flags), endpoint)
    assert ingested.returncode == 0, ingested.stderr
    read, _, _, _, events, *_ = ingested.stdout.splitlines()[-1].split()
    assert int(read) > int(events) > 0
    staged = worker.run(request_for(deployed, endpoint, "build-staging"), endpoint)
    assert staged.returncode == 0, staged.stderr
    said = f"{events} events from raw: {events} inserted, 0 replaced, 0 conflicts, 0 duplicates"
    assert staged.stdout.splitlines()[-1] == said
    assert (worker.lake / "staging/types").is_dir()
