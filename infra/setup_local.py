"""Make .venv: Python's packages, and Delta's jars in its Spark, so that it is a cluster of one machine.

Runs on whatever Python there is and needs nothing but its standard library. What is there already stays.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
CACHE = ROOT / ".cache"
LOG = CACHE / "setup.log"

DELTA = "io.delta:delta-spark_4.2_2.13:4.4.0"
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


def main():
    """Check Python and Java, then install what is missing. One line and exit code 1 where that's impossible."""
    if sys.version_info < (3, 11):
        sys.exit(
            "setup: Python 3.11 or newer is needed, this is %d.%d; try: make PYTHON=python3.11" % sys.version_info[:2]
        )
    check_java()
    CACHE.mkdir(exist_ok=True)
    wanted = hashlib.sha256(
        (ROOT / "setup.py").read_bytes() + Path(__file__).read_bytes() + sys.version.encode()
    ).hexdigest()
    stamp = VENV / "installed"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    print("setup: installing into .venv (the first time this takes minutes)", flush=True)
    # What there is may be half made, or of another Python.
    logged([sys.executable, "-m", "venv", "--clear", VENV], "can't make .venv; is Python's venv module installed?")
    install = [VENV / "bin" / "python", "-m", "pip", "install", "--editable", ".[local,dev]"]
    logged(install, "can't install from PyPI; is there a network?")
    fetch_jars()
    stamp.write_text(wanted)


def check_java():
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


def fetch_jars():
    """Put the jars where every session of this environment finds them."""
    ivy = CACHE / "ivy"
    shutil.rmtree(ivy / "jars", ignore_errors=True)
    code = RESOLVE_JARS.format(packages=f"{DELTA},{LOCAL_FILES}", excludes=EXCLUDED, ivy=str(ivy))
    logged(
        [VENV / "bin" / "python", "-c", code],
        "can't fetch jars from Maven Central; is there a network?",
    )
    spark_jars = next(VENV.glob("lib/python*/site-packages/pyspark/jars"))
    for jar in (ivy / "jars").glob("*.jar"):
        shutil.copy(jar, spark_jars)


def logged(command, problem):
    """Run `command` with its output in the log; exit with one line if it fails."""
    with LOG.open("ab") as log:
        words = [str(part) for part in command]
        done = subprocess.run(words, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        sys.exit(f"setup: {problem} (what happened is in {LOG.relative_to(ROOT)})")


if __name__ == "__main__":
    main()
