"""The tasks of databricks.yml, as on a driver of Databricks: from the wheel, on a session that is there already."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from event_lake.config.files import load_settings
from event_lake.lake.session import REQUIRED
from support.bundles import parameters_of, read_bundle, tasks_of
from support.emulators import Stream
from support.sent import an_event

pytestmark = pytest.mark.slow

# Reads a line of JSON for each task, and prints one with what came of it. The first argument has the settings of its
# Spark.
DRIVER = """
import json, sys
from importlib.metadata import distribution
from pyspark.sql import SparkSession

builder = SparkSession.builder.appName("Databricks Shell")
for key, value in json.loads(sys.argv[1]).items():
    builder = builder.config(key, value)
spark = builder.getOrCreate()
for line in sys.stdin:
    task = json.loads(line)
    sys.argv = ["python", *task["parameters"]]
    [entry] = [e for e in distribution(task["package_name"]).entry_points if e.name == task["entry_point"]]
    try:
        returned = entry.load()()
    except SystemExit as ended:
        returned = ended.code
    print(json.dumps({"returned": returned, "rows": spark.range(3).count(), "app": spark.conf.get("spark.app.name")}))
"""


def test_the_tasks_run_one_after_the_other_on_the_session_of_their_driver(
    stream: Stream, root: str, tmp_path: Path
) -> None:
    stream.put(an_event(created_at=int(stream.client().now().timestamp())), b"x")
    [wheel] = Path("dist").glob("event_lake-*.whl")
    install = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--target",
        str(tmp_path / "libs"),
        wheel,
    ]
    subprocess.run(install, check=True)
    bundle = read_bundle()
    tasks = tasks_of(bundle)
    values = {
        "var.stream": stream.name,
        "var.region": "us-east-1",
        "var.lake": root,
        "var.report": f"{tmp_path}/page.html",
    }
    more = {"ingest_raw": [*stream.overrides(root), "--until-caught-up"]}
    calls = [
        {**task["python_wheel_task"], "parameters": [*parameters_of(task, values), *more.get(key, [])]}
        for key, task in tasks.items()
    ]
    # Nothing was measured in a lake that isn't there: a task that fails.
    calls.append({**calls[-2], "parameters": [*calls[-2]["parameters"], f"--set=lake.root={tmp_path}/none"]})
    # Databricks' Spark has Delta and RocksDB by itself.
    built_in = (
        "spark.sql.extensions",
        "spark.sql.catalog.spark_catalog",
        "spark.sql.streaming.stateStore.providerClass",
    )
    conf = {
        **load_settings("conf/local.toml").spark,
        **{key: REQUIRED[key] for key in built_in},
        **bundle["resources"]["jobs"]["ingest"]["job_clusters"][0]["new_cluster"]["spark_conf"],
    }
    environment = {
        "DATABRICKS_RUNTIME_VERSION": "19.0",
        "PYSPARK_PYTHON": sys.executable,
        "PYTHONPATH": str(tmp_path / "libs"),
    }
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, json.dumps(conf)],
        env=os.environ | environment,
        input="".join(f"{json.dumps(call)}\n" for call in calls),
        capture_output=True,
        text=True,
        check=False,
    )
    came = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"returned"')]
    assert [each["returned"] for each in came] == [None, None, None, None, 2], done.stderr[-3000:]
    assert all((each["rows"], each["app"]) == (3, "Databricks Shell") for each in came)
    assert "2 records read = 1 raw + 0 duplicates + 1 quarantined" in done.stdout
    assert "<html" in (tmp_path / "page.html").read_text("utf-8")
