"""Leases that Spark's file system keeps: real processes, each with a Spark of its own, that want one."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import boto3
import pytest

from support.emulators import Stream
from support.ingesting_jobs import ingesting_job
from support.sent import an_event

pytestmark = pytest.mark.s3

ROUNDS = 20
# In each round it reads the record, waits for a line, and then writes the next one.
RACER = """
import sys
from event_lake.lake.hadoop_files import HadoopFiles
from event_lake.lake.numbered_records import NumberedRecords, find_put
from event_lake.lake.session import spark_session

root, name, *settings = sys.argv[1:]
with spark_session("racer", dict(setting.split("=", 1) for setting in settings)) as spark:
    files = HadoopFiles(spark, root)
    store = NumberedRecords(root, "raw", files, find_put(files, root))
    print("ready", flush=True)
    for line in sys.stdin:
        found = store.read()
        print("read", found and found[1], flush=True)
        content = (name + sys.stdin.readline()).encode()
        print("won", store.create(content) if found is None else store.replace(found[1], content), flush=True)
"""


def spark_settings(endpoint: str) -> dict[str, str]:
    """Of a small Spark that finds the emulated S3."""
    return {
        "spark.master": "local[1]",
        "spark.ui.enabled": "false",
        "spark.driver.memory": "512m",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.hadoop.fs.s3a.endpoint": endpoint,
        "spark.hadoop.fs.s3a.endpoint.region": "us-east-1",
        "spark.hadoop.fs.s3a.path.style.access": "true",
    }


@pytest.fixture
def bucket(kinesis_endpoint: str) -> str:
    """A bucket of moto's S3, which answers where its Kinesis does."""
    boto3.client("s3", endpoint_url=kinesis_endpoint).create_bucket(Bucket="lakes")
    return "lakes"


@pytest.fixture(params=["s3a", "hdfs"])
def folder(request: pytest.FixtureRequest, bucket: str) -> str:
    """A lake in S3, or on the HDFS that the environment names, like HDFS=hdfs://localhost:8020/tmp/lakes."""
    if request.param == "s3a":
        return f"s3a://{bucket}/race"
    if "HDFS" not in os.environ:
        pytest.skip("HDFS names no folder on an HDFS")
    return f"{os.environ['HDFS']}/{os.getpid()}"


class Racer:
    """Another process that runs RACER."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin
        assert process.stdout
        self._stdin, self._stdout = process.stdin, process.stdout

    def say(self, line: str) -> None:
        print(line, file=self._stdin, flush=True)

    def hear(self) -> list[str]:
        return self._stdout.readline().split()


@contextmanager
def a_racer(name: str, folder: str, endpoint: str) -> Iterator[Racer]:
    settings = [f"{key}={value}" for key, value in spark_settings(endpoint).items()]
    command = [sys.executable, "-c", RACER, folder, name, *settings]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Racer(process)
        finally:
            process.kill()


def test_of_two_processes_that_write_the_same_version_at_once_one_does(folder: str, kinesis_endpoint: str) -> None:
    with ExitStack() as stack:
        racers = [stack.enter_context(a_racer(name, folder, kinesis_endpoint)) for name in ("one", "two")]
        assert [racer.hear() for racer in racers] == [["ready"], ["ready"]]

        def answers(line: str) -> list[list[str]]:
            for racer in racers:
                racer.say(line)
            return sorted(racer.hear() for racer in racers)

        for version in range(ROUNDS):
            assert answers("look") == [["read", str(version or None)]] * 2
            assert answers("write") == [["won", str(version + 1)], ["won", "None"]]


def test_a_second_job_is_refused_where_only_spark_can_write_to_s3(
    stream: Stream, bucket: str, kinesis_endpoint: str, tmp_path: Path
) -> None:
    stream.put(an_event(created_at=int(stream.client().now().timestamp())), b"x")
    settings = {f'spark."{key}"': f'"{value}"' for key, value in spark_settings(kinesis_endpoint).items()}
    settings |= {"lake.lease": "hadoop"}
    overrides = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    flags = ["--config", "conf/local.toml", *stream.overrides(f"s3a://{bucket}/lake"), *overrides]
    # boto3 finds no S3 there.
    environment = os.environ | {"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1"}
    with ingesting_job(*flags, environment=environment) as first:
        command = [sys.executable, "jobs/ingest_raw.py", *flags]
        second = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert second.returncode == 2, second.stderr
        assert f"pid {first.pid}" in second.stderr.splitlines()[-1]
        first.terminate()
        out, _ = first.communicate(timeout=60)
        assert (first.returncode, out) == (0, "2 records read = 1 raw + 0 duplicates + 1 quarantined\n")
    listed = boto3.client("s3", endpoint_url=kinesis_endpoint).list_objects_v2(Bucket=bucket, Prefix="lake/_leases/")
    [record] = (found["Key"] for found in listed["Contents"])
    assert record.removeprefix("lake/_leases/raw/").isdecimal()
