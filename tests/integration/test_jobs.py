"""The jobs from the package, as a cluster runs them: `dist/event_lake.zip` and no source on the path."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from support.emulators import Stream
from support.submitting import SITE_PACKAGES, cluster_environment, submit_command


@pytest.fixture
def cluster(tmp_path: Path) -> dict[str, str]:
    return cluster_environment(tmp_path)


def test_the_source_is_not_on_the_clusters_path(cluster: dict[str, str]) -> None:
    tried = [cluster["PYSPARK_PYTHON"], "-c", "import pyspark, event_lake"]
    failed = subprocess.run(tried, env=cluster, capture_output=True, text=True, cwd="/", check=False)
    assert "No module named 'event_lake'" in failed.stderr


@pytest.mark.slow
def test_a_job_runs_from_the_package(cluster: dict[str, str], stream: Stream, root: str) -> None:
    """Those of Spark do on a cluster (`tests/cluster/test_submitted_jobs.py`)."""
    flags = ["--config", "conf/local.toml", *stream.overrides(root), "--count", "300"]
    command = submit_command("generate_events", flags)
    done = subprocess.run(command, env=cluster, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith("put 3")


@pytest.mark.slow
def test_a_wheel_alone_runs_the_jobs(cluster: dict[str, str], stream: Stream, root: str, tmp_path: Path) -> None:
    """Without a file of the repository but the settings, by the command that pip makes."""
    [wheel] = Path("dist").resolve().glob("event_lake-*.whl")
    environment = {**cluster, "PYTHONPATH": os.pathsep.join([str(wheel), str(SITE_PACKAGES)])}
    with zipfile.ZipFile(wheel) as files:
        [points] = (files.read(name).decode() for name in files.namelist() if name.endswith("entry_points.txt"))
    assert points.split("\n") == [
        "[console_scripts]",
        "event-lake = event_lake.__main__:main",
        "",
        "[event_lake]",
        "task = event_lake.__main__:run_task",
        "",
    ]
    config = str(Path("conf/local.toml").resolve())
    for job in (["ingest-raw", "--until-caught-up"], ["reconcile"]):
        command = [cluster["PYSPARK_PYTHON"], "-m", "event_lake", job[0], "--config", config, *stream.overrides(root)]
        done = subprocess.run(
            [*command, *job[1:]], env=environment, capture_output=True, text=True, cwd=tmp_path, check=False
        )
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        (
            ["--set", "raw.dedup_windw='1 hour'"],
            "ingest_raw.py: ConfigError: unknown key raw.dedup_windw; did you mean raw.dedup_window?",
        ),
        (
            ["--set", "raw.dedup_window=soon"],
            "ingest_raw.py: ConfigError: raw.dedup_window = 'soon': not a duration; write it like \"10 minutes\"",
        ),
    ],
)
def test_a_users_mistake_is_one_line_and_exit_code_2(flags: list[str], line: str) -> None:
    assert _failed(*flags) == (2, f"{line}\n")


def test_a_stream_that_is_not_there_is_one_line_before_spark_starts(kinesis_endpoint: str, root: str) -> None:
    asked = (f"source.endpoint_url={kinesis_endpoint}", "source.stream=nowhere", f"lake.root={root}")
    code, line = _failed(*(part for setting in asked for part in ("--set", setting)))
    assert (code, line.count("\n")) == (2, 1)
    assert line.startswith("ingest_raw.py: StreamNotFoundError: stream 'nowhere': DescribeStreamSummary: Resource")


def test_a_lake_that_spark_would_not_look_for_on_the_local_disk_is_one_line(root: str) -> None:
    default = 'spark."spark.hadoop.fs.defaultFS"=hdfs://127.0.0.1:1'
    code, lines = _failed("--set", f"lake.root={root}", "--set", default, job="reconcile")
    told = f"lake.root = '{root}': to Spark this is hdfs://127.0.0.1:1{root}; write it like that"
    assert (code, lines.splitlines()[-1]) == (2, f"reconcile.py: ConfigError: {told}")


def _failed(*flags: str, job: str = "ingest_raw") -> tuple[int, str]:
    command = [sys.executable, f"jobs/{job}.py", "--config", "conf/local.toml", *flags]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr
