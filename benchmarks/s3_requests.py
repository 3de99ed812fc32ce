"""Count the requests to S3 of a batch, of an idle minute and of a staging run, and the seconds that they cost.

S3 is moto's, and answers each request some milliseconds late. The same load goes to the local disk, to S3 as Spark and
Delta write it, and to S3 as conf/s3a.toml has it, all in one run: what a batch takes longer than on the local disk is
the price of its requests. `make bench-s3` prints a table for each of the three spans of time.
"""

import argparse
import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from threading import Thread

from rich.console import Console
from rich.table import Table

from benchmarks.load import BATCH_SECONDS, Load, make_replay
from benchmarks.replay import serve
from benchmarks.source_session import CORES, in_new_process, use_any_credentials
from benchmarks.station import JVM
from event_lake.config.files import load_settings
from event_lake.config.settings import Settings
from event_lake.lake.outcomes import RunNotes
from event_lake.lake.sole_writer import writing_session
from event_lake.progress.report import BatchReport
from event_lake.progress.reporter import Reporter
from event_lake.raw.ingest import IngestOptions, ingest_raw
from event_lake.staging.build import build_staging
from support.counted_s3 import CountedS3, Request, counted_s3

_BUCKET = "bench"
_EVENTS = 10_000
# The first batches make partitions and compile code.
_WARM_UP = 3
# A query that has begun looks after its state, and a trigger comes once a minute.
_SETTLE_SECONDS, _IDLE_SECONDS = 40, 60
_OWN = ("spark.hadoop.fs.s3a.impl", "spark.delta.logStore.s3a.impl", "spark.sql.streaming.checkpointFileManagerClass")

KINDS = ("PUT", "COPY", "POST", "LIST", "GET", "HEAD", "DELETE")
PURPOSES = ("data files", "Delta log", "checkpoint", "lease")
# By purpose and kind, how many requests there were.
Counts = Mapping[tuple[str, str], float]


@dataclass(frozen=True)
class Place:
    """Where a lake lies, `name` to people. `s3` is None for the local disk. `own` says whether our Java is used."""

    name: str
    root: str
    s3: CountedS3 | None
    own: bool = False

    def requests(self, since: int = 0) -> Sequence[Request]:
        return self.s3.requests(since) if self.s3 else []

    def settings(self, endpoint_url: str, overrides: Sequence[str]) -> Settings:
        spark = {"spark.master": f"local[{CORES}]", **JVM, **(self.s3.spark_settings() if self.s3 else {})}
        kept = {key: value for key, value in spark.items() if self.own or key not in _OWN}
        return load_settings(
            "conf/local.toml",
            [
                *(f'spark."{key}"={json.dumps(value)}' for key, value in kept.items()),
                f"source.endpoint_url={endpoint_url}",
                f"source.max_batch_seconds={BATCH_SECONDS}",
                f"lake.root={self.root}",
                "raw.trigger_interval='1 minute'",
                *overrides,
            ],
        )


@dataclass(frozen=True)
class Measured:
    """What was measured in one place: seconds, and requests of a batch (the median), an idle minute and a staging run.

    `raw_files` is how many files staging read.
    """

    place: str
    batch_seconds: float
    staging_seconds: float
    batch: Counts
    idle: Counts
    staging: Counts
    raw_files: int


def purpose_of(key: str) -> str:
    """Return which of `PURPOSES` a request with this key serves."""
    folders = key.split("/")
    if "_leases" in folders:
        return "lease"
    if "_checkpoints" in folders:
        return "checkpoint"
    return "Delta log" if "_delta_log" in folders else "data files"


def count(requests: Sequence[Request]) -> Counts:
    """Return how many requests there are of each purpose and kind."""
    return Counter((purpose_of(request.key), request.kind) for request in requests)


def median_of(spans: Sequence[Counts]) -> Counts:
    """Return the median of several counts, purpose by purpose and kind by kind."""
    return {key: median(span.get(key, 0) for span in spans) for key in set().union(*spans)}


class _Marks(Reporter):
    """A reporter that notes how many requests there were when a batch began, and the seconds that each batch took."""

    def __init__(self, place: Place) -> None:
        self.begun: list[int] = []
        self.seconds: list[float] = []
        self._place = place

    def began(self, batch_id: int) -> None:
        self.begun.append(len(self._place.requests()))

    def finished(self, report: BatchReport) -> None:
        self.seconds.append(report.seconds)


def measure(place: Place, endpoint_url: str, overrides: Sequence[str]) -> Measured:
    """Measure one place. The process must have no Spark yet."""
    if place.s3:
        os.environ["AWS_ENDPOINT_URL_S3"] = place.s3.endpoint
    settings = place.settings(endpoint_url, overrides)
    marks = _Marks(place)
    with writing_session(RunNotes("bench"), settings, "raw") as (spark, writer):
        ingest_raw(spark, settings, IngestOptions(until_caught_up=True), check=writer.check, reporters=[marks])
        requests = place.requests()
        spans = zip(marks.begun[_WARM_UP:-1], marks.begun[_WARM_UP + 1 :], strict=True)
        batches = [count(requests[begin:end]) for begin, end in spans]
        idle: list[int] = []
        Thread(target=_note_and_stop, args=(place, idle), daemon=True).start()
        ingest_raw(spark, settings, IngestOptions(), check=writer.check)
    with writing_session(RunNotes("bench"), settings, "staging") as (spark, _):
        since, began = len(place.requests()), time.monotonic()
        build_staging(spark, settings)
        staging_seconds, staged = time.monotonic() - began, place.requests(since)
    return Measured(
        place=place.name,
        batch_seconds=median(marks.seconds[_WARM_UP:]),
        staging_seconds=staging_seconds,
        batch=median_of(batches),
        idle=count(place.requests()[idle[0] : idle[1]]),
        staging=count(staged),
        raw_files=len({r.key for r in requests if r.kind == "PUT" and "/raw/events/date=" in r.key}),
    )


def _note_and_stop(place: Place, noted: list[int]) -> None:
    for seconds in (_SETTLE_SECONDS, _IDLE_SECONDS):
        time.sleep(seconds)
        noted.append(len(place.requests()))
    os.kill(os.getpid(), signal.SIGTERM)


def table_of(title: str, counts: Mapping[str, Counts]) -> Table:
    """Return a table of the requests in some places, a column for each kind."""
    table = Table(title=title)
    for name in ("", "", *KINDS, "all"):
        table.add_column(name, justify="right" if name else "left")
    for place, of_place in counts.items():
        for purpose in PURPOSES:
            numbers = [of_place.get((purpose, kind), 0) for kind in KINDS]
            table.add_row(place, purpose, *(f"{number:,.0f}" for number in [*numbers, sum(numbers)]))
        table.add_section()
    return table


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--delay", type=float, default=20, metavar="MS", help="of each answer of S3 (default 20)")
    parser.add_argument("--batches", type=int, default=5, metavar="N", help=f"that count, of {_EVENTS:,} events")
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE", help="as for the jobs")
    args = parser.parse_args()
    load = Load(events_per_batch=_EVENTS, batches=args.batches, warm_up=_WARM_UP)
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
    use_any_credentials()
    Path(".bench").mkdir(exist_ok=True)
    results: list[Measured] = []
    with ExitStack() as running:
        folder = Path(running.enter_context(TemporaryDirectory(dir=".bench", prefix="s3-"))).absolute()
        endpoint_url = running.enter_context(serve(lambda: make_replay(load, midnight, folder / "truth.json")))
        s3 = [running.enter_context(counted_s3(args.delay / 1000)) for _ in range(2)]
        for server in s3:
            server.make_bucket(_BUCKET)
        places = (
            Place("local disk", str(folder / "lake"), None),
            Place("Spark's S3", f"s3a://{_BUCKET}/lake", s3[0]),
            Place("conf/s3a.toml", f"s3a://{_BUCKET}/lake", s3[1], own=True),
        )
        for place in places:
            print(f"{place.name}…", file=sys.stderr)
            results.append(in_new_process(measure, place, endpoint_url, args.set))
    console = Console(width=max(Console().width, 110))
    in_s3 = results[1:]
    titles = {
        f"requests of a batch of {_EVENTS:,} events": [one.batch for one in in_s3],
        "requests of an idle minute": [one.idle for one in in_s3],
        f"requests of build_staging over {in_s3[0].raw_files:,} raw files": [one.staging for one in in_s3],
    }
    for title, counts in titles.items():
        console.print(table_of(title, dict(zip([one.place for one in in_s3], counts, strict=True))))
    for one in results:
        console.print(f"{one.place}: a batch {one.batch_seconds:.1f} s, staging {one.staging_seconds:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
