"""`make demo`: the jobs as a user runs them, on an emulated Kinesis, with every count checked.

All of it lies in .demo, made afresh by each run.
"""

import argparse
import json
import os
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
from deltalake import DeltaTable
from pyarrow import parquet
from rich.console import Console
from rich.table import Table

DEMO = Path(".demo")
LAKE = DEMO / "lake"
REPORT = DEMO / "report.html"
STREAM, SHARDS = "events", 4
EVENTS, REPEATED, MORE = 50_000, 1_000, 5_000
# The generator's own timeline for events that are put at once: 300 a second, the last one now.
TIMELINE = timedelta(seconds=(EVENTS + MORE) / 300 + 60)

console = Console(highlight=False)


class DemoError(Exception):
    """What stops the demo, in one line."""


@dataclass(frozen=True)
class Jobs:
    """Runs the project's jobs on the demo's stream and lake."""

    endpoint: str

    def run(self, title: str, job: str, *flags: str) -> float:
        """Run `jobs/<job>.py` and show what it says at its end; returns its seconds. Spark's chatter goes to a log."""
        settings = ("--config", "conf/local.toml", "--set", f"source.endpoint_url={self.endpoint}")
        command = [f"jobs/{job}.py", *settings, *flags]
        console.print(f"\n[bold]{title}[/]")
        console.print(f"$ .venv/bin/python {' '.join(command)}", style="dim", soft_wrap=True)
        log = DEMO / f"{job}.log"
        began = time.monotonic()
        with log.open("ab") as errors:
            # The generator draws its progress on stderr.
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
    """Run the demo; returns 0 if every count adds up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="of the emulated Kinesis (default: any free one)")
    port = parser.parse_args().port
    began = time.monotonic()
    os.environ |= {"AWS_ACCESS_KEY_ID": "demo", "AWS_SECRET_ACCESS_KEY": "demo"}
    os.environ["SPARK_CONF_DIR"] = "tools/spark"
    try:
        port = usable_port(port)
        shutil.rmtree(DEMO, ignore_errors=True)
        DEMO.mkdir()
        with emulated_kinesis(port) as endpoint:
            ingesting = run_jobs(Jobs(endpoint))
    except DemoError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    balanced = print_counts(ingesting)
    console.print(f"\nThe tables lie in {LAKE}/; look at them with [bold]make shell[/].")
    console.print(f"The report: {REPORT}; open it in a browser.")
    console.print(f"{time.monotonic() - began:.0f} s in all.")
    return 0 if balanced else 1


def run_jobs(jobs: Jobs) -> float:
    """Everything a user would run, in order; returns the seconds that ingesting took."""
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
    """`port`, or for 0 any free one. Raises DemoError if it can't be listened on."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            raise DemoError(f"port {port} can't be used ({error}); try make demo PORT=5001") from None
        return int(probe.getsockname()[1])


@contextmanager
def emulated_kinesis(port: int) -> Iterator[str]:
    """The server of moto with the demo's stream, on loopback; yields its URL."""
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
    """Make the stream as soon as the server answers."""
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


def print_counts(ingesting_seconds: float) -> bool:
    """What was put against what the tables hold, a line each; returns whether all of it agrees."""
    truths = {name: json.loads((DEMO / f"{name}.json").read_text()) for name in ("first", "repeated", "more")}
    kinds = sum((Counter(truth["by_kind"]) for truth in truths.values()), Counter[str]())
    console.print("\nPut, by kind: " + ", ".join(f"{kind} {count:,}" for kind, count in kinds.most_common()) + "\n")
    expected = expected_counts(truths)
    found = found_counts(expected)
    table = Table("", "expected", "found", "")
    for column in table.columns[1:3]:
        column.justify = "right"
    for name, count in expected.items():
        table.add_row(name, f"{count:,}", f"{found[name]:,}", "=" if found[name] == count else "[red]differs[/]")
    console.print(table)
    for name in ("raw/events", "raw/quarantine", "raw/ledger", "staging/events"):
        files = DeltaTable(LAKE / name).get_add_actions()
        console.print(f"  {name}: {files.num_rows:,} files, {sum(files['size_bytes'].to_pylist()) / 1e6:.1f} MB")
    rate = found["records read"] / ingesting_seconds
    console.print(f"  {rate:,.0f} records/s into the raw layer, Spark's start included")
    return found == expected


def expected_counts(truths: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    """What the tables must hold: of the repeated events each good one is a duplicate, each bad one bad again."""
    quarantined = sum((Counter(truth["quarantined"]) for truth in truths.values()), Counter[str]())
    staged = truths["first"]["raw"] + truths["more"]["raw"]
    return {
        "records read": sum(truth["records"] for truth in truths.values()),
        "in raw/events": staged,
        "duplicates dropped": sum(truth["duplicates"] for truth in truths.values()) + truths["repeated"]["raw"],
        **{f"quarantined: {reason}": count for reason, count in sorted(quarantined.items())},
        "in staging/events": staged,
    }


def found_counts(names: Iterable[str]) -> dict[str, int]:
    """The same counts from the tables' files, read without Spark."""
    ledger = columns_of("raw/ledger", ["read", "duplicates"])
    found = Counter(
        {
            "records read": sum(ledger["read"]),
            "in raw/events": rows_of("raw/events"),
            "duplicates dropped": sum(ledger["duplicates"]),
            "in staging/events": rows_of("staging/events"),
        }
    )
    for reasons in columns_of("raw/quarantine", ["reasons"])["reasons"]:
        found[f"quarantined: {' + '.join(reasons)}"] += 1
    return {name: found[name] for name in {**dict.fromkeys(names), **found}}


def rows_of(table: str) -> int:
    """The rows of a table, from its files' footers."""
    return sum(parquet.ParquetFile(file).metadata.num_rows for file in DeltaTable(LAKE / table).file_uris())


def columns_of(table: str, columns: list[str]) -> dict[str, list[Any]]:
    """Some columns of a small table."""
    parts = [parquet.ParquetFile(file).read(columns) for file in DeltaTable(LAKE / table).file_uris()]
    return {name: [value for part in parts for value in part[name].to_pylist()] for name in columns}


if __name__ == "__main__":
    sys.exit(main())
