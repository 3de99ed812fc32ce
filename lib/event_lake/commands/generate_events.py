"""Put a repeatable load on the stream: events of 100 types, copies, late events, bad records."""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from event_lake.cli.jobs import JobParser, run_job
from event_lake.config.settings import Settings
from event_lake.errors import ConfigError
from event_lake.generator.plan import Flags, Plan, make_plan
from event_lake.generator.put import RecordPutter, batches, pace
from event_lake.generator.sequence import records
from event_lake.generator.truth import Truth
from event_lake.kinesis.api.client import KinesisClient
from event_lake.lake.outcomes import RunNotes
from event_lake.progress.reporter import Bar
from event_lake.progress.reporting import bar_on

# With --rate, an event is put at most this time after its creation.
_TICK_SECONDS = 0.25


def make_parser(prog: str | None = None) -> JobParser:
    """Return the parser of the job's flags; `prog` is the job's name in messages."""
    parser = JobParser(__doc__, prog)
    parser.add_argument("--count", type=int, help="events, copies not counted (default 50000)")
    parser.add_argument("--rate", type=float, help="put so many a second; else all at once")
    parser.add_argument("--duration", help='with --rate: for how long, like "10 minutes"')
    parser.add_argument("--seed", type=int, default=1, help="another seed, other events (default 1)")
    parser.add_argument("--started-at", metavar="TIME", help="of event 0: the same makes the same bytes")
    parser.add_argument("--first", type=int, default=0, metavar="N", help="number of the first event")
    parser.add_argument("--truth", metavar="FILE", help="write what to expect of the tables, as JSON")
    return parser


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> int:
    """Run the job with these flags, or the process' own; return its exit code. `prog` is its name in messages."""
    return run_job(make_parser(prog), argv, _generate)


def _generate(args: argparse.Namespace, settings: Settings, _: RunNotes) -> int:
    flags = Flags(
        count=args.count,
        rate=args.rate,
        duration=args.duration,
        seed=args.seed,
        first=args.first,
        started_at=args.started_at,
    )
    plan = make_plan(flags, now=datetime.now(UTC), max_age=settings.raw.max_age)
    if args.truth:
        _make_file(args.truth)  # before anything is put: it may fail
    source = settings.source
    putter = RecordPutter(KinesisClient(source.stream, source.region, source.endpoint_url))
    begun = time.monotonic()
    truth = _put(plan, putter, bar_on(settings, sys.stderr))
    took = time.monotonic() - begun
    if args.truth:
        outcome = {**truth.outcome(), "sequence": plan.described()}
        Path(args.truth).write_text(json.dumps(outcome, indent=2) + "\n", "utf-8")
    print(
        f"put {truth.records:,} records ({truth.bytes / 1e6:.1f} MB) in {took:.1f} s, "
        f"{truth.records / took:,.0f}/s, {putter.put_again:,} put again"
    )
    return 0


def _put(plan: Plan, putter: RecordPutter, bar: Bar) -> Truth:
    truth = Truth()
    sequence = records(plan.timeline, first=plan.first, count=plan.count)
    if plan.is_paced:
        to_put = pace(batches(sequence, most_seconds=_TICK_SECONDS))
    else:
        to_put = batches(sequence, most_seconds=float("inf"))
    with bar("put", plan.count) as took:
        for batch in to_put:
            before = truth.events
            putter.put(batch)
            truth.add(batch)
            took(truth.events - before)
    return truth


def _make_file(path: str) -> None:
    try:
        Path(path).write_text("")  # if this run fails, an older run's truth must not be taken for its own
    except OSError as error:
        raise ConfigError(f"--truth {path}: can't be written: {error.strerror}") from None
