"""Make .venv, with Python's packages, and Delta's jars in its Spark, so that it's a cluster of one machine.

With `--spark 4.1` make .venv-spark41 instead, which differs in Spark and Delta only. With `--s3` its Spark can read and
write S3, too. If the environment is there and up to date, do nothing. This script needs only Python's standard library.
If Python is too old, it says so.
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
    """A Python environment: its folder, what pip installs into it, and its Spark's jars for Delta and for S3."""

    folder: Path
    requirements: List[str]
    delta: str
    s3: List[str]


def jars_for_s3(hadoop: str, sdk: str, *others: str) -> List[str]:
    """Return the jars with which Spark reads and writes `s3a://`, without the 600 MB of AWS' SDK that it never calls.

    `hadoop` is the version of Hadoop that the Spark has, `sdk` the one of AWS' SDK with which that was released.
    """
    modules = ["s3", "s3-transfer-manager", "sts", "apache-client"]
    sdk_jars = ["software.amazon.awssdk:%s:%s" % (module, sdk) for module in modules]
    return ["org.apache.hadoop:hadoop-aws:" + hadoop, *sdk_jars, *others]


ENVIRONMENTS = {
    "4.2": Environment(
        ROOT / ".venv",
        [".[local,dev]"],
        "io.delta:delta-spark_4.2_2.13:4.4.0",
        # The last one is loaded whether it's used or not.
        jars_for_s3("3.5.0", "2.35.4", "software.amazon.s3.analyticsaccelerator:analyticsaccelerator-s3:1.3.1"),
    ),
    # PyPI's delta-spark 4.3 refuses pyspark 4.1.3. delta-spark 4.4 takes it, and calls the jar of 4.3 in the same way.
    "4.1": Environment(
        ROOT / ".venv-spark41",
        [".[dev,report]", "pyspark==4.1.3", "delta-spark==4.4.0", "rich==15.0.0"],
        "io.delta:delta-spark_4.1_2.13:4.3.0",
        jars_for_s3("3.4.2", "2.29.52"),
    ),
}
# Unlike a cluster's Spark, pyspark lacks Hadoop's native library. Without this jar it would start a `chmod` process for
# each file and folder that it makes.
LOCAL_FILES = "com.globalmentor:hadoop-bare-naked-local-fs:0.1.0"
# Otherwise Ivy would fetch 33 jars for Delta instead of 2, and they would shadow Spark's hadoop-client, jackson and
# log4j.
EXCLUDED = "io.delta:delta-kernel*,io.unitycatalog:*,org.apache.hadoop:*"
EXCLUDED_FOR_S3 = (
    "org.apache.hadoop:hadoop-annotations,org.apache.hadoop:hadoop-client*,org.apache.hadoop:hadoop-common,"
    "software.amazon.awssdk:bundle,io.netty:*,org.wildfly.openssl:*,"
    "org.slf4j:*,commons-codec:*,commons-logging:*,org.apache.httpcomponents:*"
)

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
    parser.add_argument("--s3", action="store_true", help="add what Spark needs for s3a://, 13 MB")
    args = parser.parse_args()
    if args.spark not in ENVIRONMENTS:
        sys.exit(f"setup: --spark {args.spark}: there are only {', '.join(ENVIRONMENTS)}")
    environment = ENVIRONMENTS[args.spark]
    check_java()
    CACHE.mkdir(exist_ok=True)
    state = hashlib.sha256(
        (ROOT / "setup.py").read_bytes() + Path(__file__).read_bytes() + sys.version.encode()
    ).hexdigest()
    java = b"".join(source.read_bytes() for source in sorted((ROOT / "java").rglob("*.java")))
    install(environment, state)
    if args.s3:
        add_s3(environment, hashlib.sha256(state.encode() + java).hexdigest())


def install(environment: Environment, state: str) -> None:
    """Make `environment` with Python's packages and Delta's jars, unless it is as `state` says already."""
    folder = environment.folder
    stamp = folder / "installed"
    if stamp.exists() and stamp.read_text() == state:
        return
    print(f"setup: installing into {folder.name} (the first time this takes minutes)", flush=True)
    # An environment that is there may be half made, or of another Python.
    make = [sys.executable, "-m", "venv", "--clear", folder]
    run_logged(make, f"can't make {folder.name}; is Python's venv module installed?")
    pip = [folder / "bin" / "python", "-m", "pip", "install", "--editable", *environment.requirements]
    run_logged(pip, "can't install from PyPI; is there a network?")
    fetch_jars(environment, [environment.delta, LOCAL_FILES], EXCLUDED)
    delete_zipped_pyspark(environment)
    stamp.write_text(state)


def add_s3(environment: Environment, state: str) -> None:
    """Put the jars for S3 into `environment`, unless it has those that `state` stands for."""
    stamp = environment.folder / "s3"
    if stamp.exists() and stamp.read_text() == state:
        return
    print(f"setup: adding S3 to {environment.folder.name}", flush=True)
    fetch_jars(environment, environment.s3, EXCLUDED_FOR_S3)
    compile_java(find_pyspark(environment) / "jars")
    stamp.write_text(state)


def compile_java(jars: Path) -> None:
    """Compile the Java in `java/` against the jars in the folder `jars`, and put it there as event_lake_s3.jar."""
    classes = CACHE / "classes"
    shutil.rmtree(classes, ignore_errors=True)
    sources = sorted((ROOT / "java").rglob("*.java"))
    javac = [
        find_java("javac"),
        "--release",
        "17",
        "-Xlint:all,-path",
        "-Werror",
        "-proc:none",
        "-cp",
        jars / "*",
        "-d",
        classes,
    ]
    problem = "can't compile java/; is there a JDK of Java 17 (javac), not only a JRE?"
    run_logged([*javac, *sources], problem)
    run_logged([find_java("jar"), "--create", "--file", jars / "event_lake_s3.jar", "-C", classes, "."], problem)


def find_java(tool: str) -> str:
    """Return the command that runs a tool of the Java that Spark would start: of JAVA_HOME, or that on the PATH."""
    home = os.environ.get("JAVA_HOME")
    return str(Path(home) / "bin" / tool) if home else tool


def check_java() -> None:
    """Print one line and exit unless the Java that Spark would start is 17 or 21."""
    java = find_java("java")
    remedy = "install Java 17 and let PATH or JAVA_HOME lead to it"
    try:
        text = subprocess.run([java, "-version"], stderr=subprocess.PIPE, check=True).stderr.decode()
    except (OSError, subprocess.CalledProcessError):
        sys.exit(f"setup: {java} doesn't run, and Spark needs Java 17; {remedy}")
    version = re.search(r'version "(?:1\.)?(\d+)', text)
    if not version or version[1] not in ("17", "21"):
        sys.exit(f"setup: {java} is {text.splitlines()[0]}, and Spark 4 needs Java 17 or 21; {remedy}")


def fetch_jars(environment: Environment, packages: Sequence[str], excludes: str) -> None:
    """Fetch jars from Maven Central into the folder where every Spark session of `environment` finds them."""
    ivy = CACHE / "ivy"
    shutil.rmtree(ivy / "jars", ignore_errors=True)
    code = RESOLVE_JARS.format(packages=",".join(packages), excludes=excludes, ivy=str(ivy))
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
    words = [str(part) for part in command]
    with LOG.open("ab") as log:
        try:
            failed = subprocess.run(words, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, check=False).returncode
        except FileNotFoundError:
            failed = 127
    if failed:
        sys.exit(f"setup: {problem} (what happened is in {LOG.relative_to(ROOT)})")


if __name__ == "__main__":
    main()
