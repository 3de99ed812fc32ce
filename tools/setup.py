"""Make .venv, with Python's packages, and Delta's jars in its Spark, so that it's a cluster of one machine.

With `--spark 4.1` make .venv-spark41 instead, which differs in Spark and Delta only. If the environment is there and up
to date, do nothing. This script needs only Python's standard library. If Python is too old, it says so.
"""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import List, NamedTuple, Sequence

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache"
LOG = CACHE / "setup.log"


class Environment(NamedTuple):
    """A Python environment: its folder, the packages that pip installs into it, and the Delta jar for its Spark."""

    folder: Path
    requirements: List[str]
    delta: str


ENVIRONMENTS = {
    "4.2": Environment(ROOT / ".venv", [".[local,dev]"], "io.delta:delta-spark_4.2_2.13:4.4.0"),
    # PyPI's delta-spark 4.3 refuses pyspark 4.1.3. delta-spark 4.4 takes it, and calls the jar of 4.3 in the same way.
    "4.1": Environment(
        ROOT / ".venv-spark41",
        [".[dev,report]", "pyspark==4.1.3", "delta-spark==4.4.0", "rich==15.0.0"],
        "io.delta:delta-spark_4.1_2.13:4.3.0",
    ),
}
# Unlike a cluster's Spark, pyspark lacks Hadoop's native library. Without this jar it would start a `chmod` process for
# each file and folder that it makes.
LOCAL_FILES = "com.globalmentor:hadoop-bare-naked-local-fs:0.1.0"
# Otherwise Ivy would fetch 33 jars for Delta instead of 2, and they would shadow Spark's hadoop-client, jackson and
# log4j.
EXCLUDED = "io.delta:delta-kernel*,io.unitycatalog:*,org.apache.hadoop:*"

RESOLVE_JARS = """
from pyspark.sql import SparkSession
builder = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
builder = builder.config("spark.driver.host", "127.0.0.1").config("spark.driver.bindAddress", "127.0.0.1")
builder = builder.config("spark.jars.packages", {packages!r}).config("spark.jars.excludes", {excludes!r})
builder.config("spark.jars.ivy", {ivy!r}).getOrCreate().stop()
"""


def main() -> None:
    """Check Python and Java, then install the environment. If that fails, print one line and exit with code 1."""
    if sys.version_info < (3, 11):
        sys.exit(
            "setup: Python 3.11 or newer is needed, this is %d.%d; try: make PYTHON=python3.11" % sys.version_info[:2]
        )
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spark", default="4.2", help="one of " + ", ".join(ENVIRONMENTS))
    spark = parser.parse_args().spark
    if spark not in ENVIRONMENTS:
        sys.exit(f"setup: --spark {spark}: there are only {', '.join(ENVIRONMENTS)}")
    environment = ENVIRONMENTS[spark]
    check_java()
    CACHE.mkdir(exist_ok=True)
    state = hashlib.sha256(
        (ROOT / "setup.py").read_bytes() + Path(__file__).read_bytes() + sys.version.encode()
    ).hexdigest()
    folder = environment.folder
    stamp = folder / "installed"
    if stamp.exists() and stamp.read_text() == state:
        return
    print(f"setup: installing into {folder.name} (the first time this takes minutes)", flush=True)
    # An environment that is there may be half made, or of another Python.
    make = [sys.executable, "-m", "venv", "--clear", folder]
    run_logged(make, f"can't make {folder.name}; is Python's venv module installed?")
    install = [folder / "bin" / "python", "-m", "pip", "install", "--editable", *environment.requirements]
    run_logged(install, "can't install from PyPI; is there a network?")
    fetch_jars(environment)
    delete_zipped_pyspark(environment)
    stamp.write_text(state)


def check_java() -> None:
    """Print one line and exit unless the Java that Spark would start is 17 or 21."""
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home) / "bin" / "java") if home else "java"
    remedy = "install Java 17 and let PATH or JAVA_HOME lead to it"
    try:
        text = subprocess.run([java, "-version"], stderr=subprocess.PIPE, check=True).stderr.decode()
    except (OSError, subprocess.CalledProcessError):
        sys.exit(f"setup: {java} doesn't run, and Spark needs Java 17; {remedy}")
    version = re.search(r'version "(?:1\.)?(\d+)', text)
    if not version or version[1] not in ("17", "21"):
        sys.exit(f"setup: {java} is {text.splitlines()[0]}, and Spark 4 needs Java 17 or 21; {remedy}")


def fetch_jars(environment: Environment) -> None:
    """Fetch Delta's jars into the folder where every Spark session of `environment` finds them."""
    ivy = CACHE / "ivy"
    shutil.rmtree(ivy / "jars", ignore_errors=True)
    code = RESOLVE_JARS.format(packages=f"{environment.delta},{LOCAL_FILES}", excludes=EXCLUDED, ivy=str(ivy))
    run_logged(
        [environment.folder / "bin" / "python", "-c", code],
        "can't fetch jars from Maven Central; is there a network?",
    )
    for jar in (ivy / "jars").glob("*.jar"):
        shutil.copy(jar, find_pyspark(environment) / "jars")


def delete_zipped_pyspark(environment: Environment) -> None:
    """Delete the zip of PySpark's code, so that Spark's Python processes import the same code from its folder.

    Spark puts the zip first on their path. Python keeps nothing that it compiles of a zip, so each of these processes
    would compile PySpark anew, which takes half a second. A start of `ingest_raw` needs five of them.
    """
    (find_pyspark(environment) / "python/lib/pyspark.zip").unlink()


def find_pyspark(environment: Environment) -> Path:
    """Return the folder of PySpark in `environment`."""
    return next(environment.folder.glob("lib/python*/site-packages/pyspark"))


def run_logged(command: Sequence[object], problem: str) -> None:
    """Run `command` with its output in the log. If it fails, print `problem` in one line and exit."""
    with LOG.open("ab") as log:
        words = [str(part) for part in command]
        done = subprocess.run(words, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        sys.exit(f"setup: {problem} (what happened is in {LOG.relative_to(ROOT)})")


if __name__ == "__main__":
    main()
