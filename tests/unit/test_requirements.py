"""Packages that Python lacks: which line says so, and that the jobs' processes end with it."""

import os
import re
import subprocess
import sys
from pathlib import Path
from socket import gethostname

import pytest

from event_lake.errors import UserError
from event_lake.requirements import INSTALLED_AS, missing_in_traceback

# What PySpark's StreamingQueryException says when an executor can't read the Kinesis source, shortened.
SPARK_SAYS = """[STREAM_FAILED] Query [id = 7dc4, runId = 6055] terminated with exception: \
[FOREACH_BATCH_USER_FUNCTION_ERROR] An error occurred in the user provided function in foreach batch sink. Reason: \
An exception was raised by the Python Proxy. Return Message: Traceback (most recent call last):
  File "event_lake.zip/event_lake/raw/write.py", line 107, in _write
    all_sums, _ = _repeat_if_refused(batch, counted.collect)
pyspark.errors.exceptions.captured.PythonException: An exception was thrown from the Python worker:
Traceback (most recent call last):
  File "./event_lake.zip/event_lake/kinesis/api/client.py", line 12, in <module>
    import {module}
ModuleNotFoundError: No module named '{module}'
 SQLSTATE: 39000
"""


@pytest.mark.parametrize(
    ("module", "package", "install"),
    [
        ("boto3", "boto3", "boto3>=1.44,<2"),
        ("botocore.config", "boto3", "boto3>=1.44,<2"),
        ("orjson", "orjson", "orjson>=3.10,<4"),
        ("pyarrow", "pyarrow", "pyarrow>=18"),
    ],
)
def test_a_module_that_sparks_python_lacks_is_named_with_what_installs_it(
    module: str, package: str, install: str
) -> None:
    found = missing_in_traceback(SPARK_SAYS.replace("{module}", module))
    assert isinstance(found, UserError)
    assert str(found) == (
        f"the Python that Spark starts for its tasks (PYSPARK_PYTHON) has no {package}: install it on each machine of"
        f" the cluster, like pip install '{install}'"
    )


@pytest.mark.parametrize("text", ["", SPARK_SAYS.replace("{module}", "theirs"), "No module named 'boto3'"])
def test_other_texts_are_none(text: str) -> None:
    assert missing_in_traceback(text) is None


def test_what_is_to_be_installed_is_what_the_package_requires() -> None:
    required = re.search(r"install_requires=\[(.*?)\]", Path("setup.py").read_text("utf-8"))
    assert required
    assert set(re.findall(r'"(.*?)"', required[1])) <= set(INSTALLED_AS.values())


@pytest.mark.parametrize("module", ["boto3", "botocore", "pyarrow", "pyspark", "delta"])
@pytest.mark.parametrize("command", [["jobs/ingest_raw.py"], ["-m", "event_lake", "ingest-raw"]])
def test_a_driver_without_a_package_is_one_line_that_says_what_to_install(
    command: list[str], module: str, tmp_path: Path
) -> None:
    (tmp_path / f"{module}.py").write_text(
        f"raise ModuleNotFoundError(\"No module named '{module}'\", name='{module}')\n"
    )
    path = os.pathsep.join([str(tmp_path), "lib"])
    done = subprocess.run(
        [sys.executable, *command, "--config", "conf/local.toml"],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    prog = "ingest_raw.py" if "jobs" in command[0] else "event-lake ingest-raw"
    package = INSTALLED_AS[module]
    line = f"{prog}: UserError: Python on {gethostname()} has no {re.split('[<>]', package)[0]}: install it on each"
    assert (done.returncode, done.stderr) == (2, f"{line} machine of the cluster, like pip install '{package}'\n")
