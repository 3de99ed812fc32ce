"""Run `make demo`: the jobs as a user runs them, on an emulated Kinesis, and check every count.

Everything that it writes lies in .demo, which each run makes anew. With `--lake s3` the lake lies in an emulated S3,
and is gone with it.
"""

import argparse
import json
import os
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError
from rich.console import Console
from rich.table import Table

from tools.demo_lake import BUCKET, FOLDER, Lake

DEMO = Path(".demo")
REPORT = DEMO / "report.html"
STREAM, SHARDS = "events", 4
EVENTS, REPEATED, MORE = 50_000, 1_000, 5_000
# The demo puts all events at once, but the generator creates them 300 a second apart. The last one is created now.
TIMELINE = timedelta(seconds=(EVENTS + MORE) / 300 + 60)

console = Console(highlight=False)


class DemoError(Exception):
    """An error that ends the demo. Its message is one line."""


@dataclass(frozen=True)
class Jobs:
    """The project's jobs, which read the stream at `endpoint` and write `lake`."""

    endpoint: str
    lake: Lake

    def run(self, title: str, job: str, *flags: str) -> float:
        """Run `jobs/<job>.py`, print what it prints, and return how many seconds it took.

        Its stderr goes to a log, but that of the generator, which draws a bar, is shown. Raise DemoError if it fails.
        """
        values = {"source.endpoint_url": self.endpoint, **self.lake.settings()}
        settings = [part for key, value in values.items() for part in ("--set", f"{key}={value}")]
        command = [f"jobs/{job}.py", "--config", "conf/local.toml", *settings, *flags]
        console.print(f"\n[bold]{title}[/]")
        console.print(f"$ .venv/bin/python {shlex.join(command)}", style="dim", soft_wrap=True)
        log = DEMO / f"{job}.log"
        began = time.monotonic()
        with log.open("ab") as errors:
            stderr = None if job == "generate_events" else errors
            done = subprocess.run(
                [sys.executable, *command], stdout=subprocess.PIPE, stderr=stderr, text=True, check=False
            )
        if done.returncode:
            raise DemoError(f"jobs/{job}.py ended with exit code {done.returncode}; see {log}")
        took = time.monotonic() - began
        console.print(f"{done.stdout.strip()} [dim]({took:.0f} s)[/]")
        return took


def main() -> int:
    """Run the demo, and return the exit code: 0 if every count is as expected."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="of the emulated Kinesis (default: any free one)")
    parser.add_argument("--lake", choices=["local", "s3"], default="local", help="where the lake lies (default: local)")
    args = parser.parse_args()
    port = args.port
    began = time.monotonic()
    os.environ |= {"AWS_ACCESS_KEY_ID": "demo", "AWS_SECRET_ACCESS_KEY": "demo"}
    os.environ["SPARK_CONF_DIR"] = "tools/spark"
    try:
        port = usable_port(port)
        shutil.rmtree(DEMO, ignore_errors=True)
        DEMO.mkdir()
        with emulated_aws(port) as endpoint:
            lake = Lake(make_bucket(endpoint) if args.lake == "s3" else None)
            balanced = print_counts(lake, run_jobs(Jobs(endpoint, lake)))
    except DemoError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    if lake.s3 is None:
        console.print(f"\nThe tables lie in {FOLDER}/; look at them with [bold]make shell[/].")
    console.print(f"The report: {REPORT}; open it in a browser.")
    console.print(f"{time.monotonic() - began:.0f} s in all.")
    return 0 if balanced else 1


def run_jobs(jobs: Jobs) -> float:
    """Run everything that a user would run, in order, and return the seconds that ingest_raw took."""
    started_at = (datetime.now(UTC) - TIMELINE).isoformat(timespec="milliseconds")
    sequence = ("--started-at", started_at)

    def put(title: str, name: str, first: int, count: int) -> None:
        flags = ("--first", str(first), "--count", str(count), "--truth", str(DEMO / f"{name}.json"))
        jobs.run(title, "generate_events", *sequence, *flags)

    put("A producer puts events", "first", 0, EVENTS)
    took = jobs.run("The raw layer takes them in", "ingest_raw", "--until-caught-up")
    put("The producer restarts and repeats its last events", "repeated", EVENTS - REPEATED, REPEATED)
    put("… and goes on", "more", EVENTS, MORE)
    took += jobs.run("The raw layer resumes from its checkpoint", "ingest_raw", "--until-caught-up")
    jobs.run("Staging takes what is new", "build_staging")
    jobs.run("A page tells how the lake is", "quality_report", "--out", str(REPORT))
    return took


def usable_port(port: int) -> int:
    """Return `port`, or any free one if it's 0. Raise DemoError if nothing can listen on it."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            raise DemoError(f"port {port} can't be used ({error}); try make demo PORT=5001") from None
        return int(probe.getsockname()[1])


@contextmanager
def emulated_aws(port: int) -> Iterator[str]:
    """Run the server of moto with the demo's stream on loopback while the block runs. The block gets its URL."""
    url = f"http://127.0.0.1:{port}"
    with (DEMO / "kinesis.log").open("ab") as log:
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        server = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        make_stream(url)
        console.print(f"Kinesis (moto) answers on {url}: stream {STREAM!r} with {SHARDS} shards")
        yield url
    finally:
        server.terminate()
        server.wait()


def make_stream(url: str) -> None:
    """Make the stream as soon as the server answers. Raise DemoError if it doesn't within 30 seconds or so."""
    once = Config(retries={"total_max_attempts": 1})
    kinesis = boto3.client("kinesis", region_name="us-east-1", endpoint_url=url, config=once)
    for _ in range(150):
        try:
            kinesis.create_stream(StreamName=STREAM, ShardCount=SHARDS)
        except BotoCoreError:
            time.sleep(0.2)
        else:
            return
    raise DemoError(f"the emulated Kinesis doesn't answer; see {DEMO / 'kinesis.log'}")


def make_bucket(url: str) -> str:
    """Make the demo's bucket in the emulator at `url`, lead the jobs' leases there, and return `url`."""
    boto3.client("s3", region_name="us-east-1", endpoint_url=url).create_bucket(Bucket=BUCKET)
    os.environ["AWS_ENDPOINT_URL_S3"] = url
    return url


def print_counts(lake: Lake, ingesting_seconds: float) -> bool:
    """Print what was put, and how many rows the tables should have and do have. Return True if all counts agree."""
    truths = {name: json.loads((DEMO / f"{name}.json").read_text()) for name in ("first", "repeated", "more")}
    kinds = sum((Counter(truth["by_kind"]) for truth in truths.values()), Counter[str]())
    console.print("\nPut, by kind: " + ", ".join(f"{kind} {count:,}" for kind, count in kinds.most_common()) + "\n")
    expected = expected_counts(truths)
    actual = actual_counts(lake, expected)
    table = Table("", "expected", "found", "")
    for column in table.columns[1:3]:
        column.justify = "right"
    for name, count in expected.items():
        table.add_row(name, f"{count:,}", f"{actual[name]:,}", "=" if actual[name] == count else "[red]differs[/]")
    console.print(table)
    for name in ("raw/events", "raw/quarantine", "raw/ledger", "staging/events"):
        files = lake.table(name).get_add_actions()
        console.print(f"  {name}: {files.num_rows:,} files, {sum(files['size_bytes'].to_pylist()) / 1e6:.1f} MB")
    rate = actual["records read"] / ingesting_seconds
    console.print(f"  {rate:,.0f} records/s into the raw layer, Spark's start included")
    return actual == expected


def expected_counts(truths: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    """Return the counts that the tables must have, from what the generator says that it put.

    Of the records that it put again, each event is a duplicate, and each bad record is quarantined once more.
    """
    quarantined = sum((Counter(truth["quarantined"]) for truth in truths.values()), Counter[str]())
    staged = truths["first"]["raw"] + truths["more"]["raw"]
    return {
        "records read": sum(truth["records"] for truth in truths.values()),
        "in raw/events": staged,
        "duplicates dropped": sum(truth["duplicates"] for truth in truths.values()) + truths["repeated"]["raw"],
        **{f"quarantined: {reason}": count for reason, count in sorted(quarantined.items())},
        "in staging/events": staged,
    }


def actual_counts(lake: Lake, names: Iterable[str]) -> dict[str, int]:
    """Return the counts called `names`, and any others, from the tables' files; they are read without Spark."""
    ledger = lake.columns("raw/ledger", ["read", "duplicates"])
    counts = Counter(
        {
            "records read": sum(ledger["read"]),
            "in raw/events": lake.rows("raw/events"),
            "duplicates dropped": sum(ledger["duplicates"]),
            "in staging/events": lake.rows("staging/events"),
        }
    )
    for reasons in lake.columns("raw/quarantine", ["reasons"])["reasons"]:
        counts[f"quarantined: {' + '.join(reasons)}"] += 1
    return {name: counts[name] for name in {**dict.fromkeys(names), **counts}}


if __name__ == "__main__":
    sys.exit(main())
