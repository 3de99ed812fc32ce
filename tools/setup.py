"""Make .venv: Python's packages, and Delta's jars in its Spark, so that it is a cluster of one machine.

`--spark 4.1` makes .venv-spark41 instead, which differs in Spark and Delta only. Runs on whatever Python there is and
needs nothing but its standard library. What is there already stays.
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
    """A folder, what pip installs into it, and the Delta that fits its Spark."""

    folder: Path
    requirements: List[str]
    delta: str


ENVIRONMENTS = {
    "4.2": Environment(ROOT / ".venv", [".[local,dev]"], "io.delta:delta-spark_4.2_2.13:4.4.0"),
    # delta-spark 4.3 from PyPI refuses pyspark 4.1.3; that of 4.4 takes it, and calls the jar of 4.3 in the same way.
    "4.1": Environment(
        ROOT / ".venv-spark41",
        [".[dev,report]", "pyspark==4.1.3", "delta-spark==4.4.0", "rich==15.0.0"],
        "io.delta:delta-spark_4.1_2.13:4.3.0",
    ),
}
# pyspark has no native Hadoop library, as clusters have: each file and folder would cost a `chmod` process.
LOCAL_FILES = "com.globalmentor:hadoop-bare-naked-local-fs:0.1.0"
# Without these, 33 jars come for Delta instead of 2, and shadow Spark's own hadoop-client, jackson and log4j.
EXCLUDED = "io.delta:delta-kernel*,io.unitycatalog:*,org.apache.hadoop:*"

RESOLVE_JARS = """
from pyspark.sql import SparkSession
builder = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
builder = builder.config("spark.driver.host", "127.0.0.1").config("spark.driver.bindAddress", "127.0.0.1")
builder = builder.config("spark.jars.packages", {packages!r}).config("spark.jars.excludes", {excludes!r})
builder.config("spark.jars.ivy", {ivy!r}).getOrCreate().stop()
"""


def main() -> None:
    """Check Python and Java, then install what is missing. One line and exit code 1 where that's impossible."""
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
    wanted = hashlib.sha256(
        (ROOT / "setup.py").read_bytes() + Path(__file__).read_bytes() + sys.version.encode()
    ).hexdigest()
    folder = environment.folder
    stamp = folder / "installed"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    print(f"setup: installing into {folder.name} (the first time this takes minutes)", flush=True)
    # What there is may be half made, or of another Python.
    make = [sys.executable, "-m", "venv", "--clear", folder]
    logged(make, f"can't make {folder.name}; is Python's venv module installed?")
    install = [folder / "bin" / "python", "-m", "pip", "install", "--editable", *environment.requirements]
    logged(install, "can't install from PyPI; is there a network?")
    fetch_jars(environment)
    stamp.write_text(wanted)


def check_java() -> None:
    """Exit with one line unless Java 17 or 21 is what Spark would start."""
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home) / "bin" / "java") if home else "java"
    wanted = "install Java 17 and let PATH or JAVA_HOME lead to it"
    try:
        told = subprocess.run([java, "-version"], stderr=subprocess.PIPE, check=True).stderr.decode()
    except (OSError, subprocess.CalledProcessError):
        sys.exit(f"setup: {java} doesn't run, and Spark needs Java 17; {wanted}")
    version = re.search(r'version "(?:1\.)?(\d+)', told)
    if not version or version[1] not in ("17", "21"):
        sys.exit(f"setup: {java} is {told.splitlines()[0]}, and Spark 4 needs Java 17 or 21; {wanted}")


def fetch_jars(environment: Environment) -> None:
    """Put the jars where every session of `environment` finds them."""
    ivy = CACHE / "ivy"
    shutil.rmtree(ivy / "jars", ignore_errors=True)
    code = RESOLVE_JARS.format(packages=f"{environment.delta},{LOCAL_FILES}", excludes=EXCLUDED, ivy=str(ivy))
    logged(
        [environment.folder / "bin" / "python", "-c", code],
        "can't fetch jars from Maven Central; is there a network?",
    )
    spark_jars = next(environment.folder.glob("lib/python*/site-packages/pyspark/jars"))
    for jar in (ivy / "jars").glob("*.jar"):
        shutil.copy(jar, spark_jars)


def logged(command: Sequence[object], problem: str) -> None:
    """Run `command` with its output in the log; exit with one line if it fails."""
    with LOG.open("ab") as log:
        words = [str(part) for part in command]
        done = subprocess.run(words, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        sys.exit(f"setup: {problem} (what happened is in {LOG.relative_to(ROOT)})")


if __name__ == "__main__":
    main()
