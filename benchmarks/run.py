"""Measure each station of the way from Kinesis to the lake, on two cores and 4 GiB of heap, and the source alone.

The stream is replayed over HTTP from memory; everything after it is what the jobs run. A station that loses or
invents an event fails the benchmark. compare.py compares two runs, for which the machine must have been quiet in both.
The source alone has targets: a figure that misses its target is printed as missed, and fails nothing.
"""

import argparse
import json
import multiprocessing
import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, time, timedelta
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from benchmarks.figures import Figures
from benchmarks.load import Load, expected_totals, make_replay
from benchmarks.replay import serve
from benchmarks.report import table_of
from benchmarks.source_report import MEASUREMENTS, source_table, targets_of
from benchmarks.source_session import WrongRecordsError
from benchmarks.station import STATIONS, Task, WrongResultError, measure

_FOLDER = Path(".bench")
_SOURCE_WIDTH = 120
# Batches of few events show the fixed costs of a batch. As they are short, there are more of them for the median.
_SMALL = Load(events_per_batch=10_000, batches=10, warm_up=5)


def main() -> int:
    args = _parse_arguments()
    full = Load(events_per_batch=args.events_per_batch, batches=args.batches, warm_up=1)
    wanted = {*args.only, "raw"} if "staging" in args.only else set(args.only)
    results: dict[str, Figures] = {}
    alone: dict[str, Figures] = {}
    _FOLDER.mkdir(exist_ok=True)
    try:
        if others := [name for name in STATIONS if name in wanted - {"small"}]:
            results |= _measure_stations(full, others, tuple(args.set))
        if "small" in wanted:
            results |= _measure_stations(_SMALL, ["small"], tuple(args.set))
        for name in [name for name in MEASUREMENTS if name in wanted]:
            _say(f"{name}…")
            alone[name] = MEASUREMENTS[name](args.source_scale)
    except (WrongResultError, WrongRecordsError) as error:
        print(f"{Path(__file__).name}: {error}", file=sys.stderr)
        return 1
    results = {name: results[name] for name in STATIONS if name in results}
    out = args.out or _FOLDER / f"{datetime.now(UTC):%Y%m%d-%H%M%S}.json"
    parameters = {"full": asdict(full), "small": asdict(_SMALL)}
    report = {"parameters": parameters, "set": args.set, "machine": _machine(), "stations": results}
    if alone:
        targets = {name: targets_of(name) for name in alone}
        report["source"] = {"scale": args.source_scale, "figures": alone, "targets": targets}
    out.write_text(json.dumps(report, indent=2) + "\n")
    if results:
        Console().print(table_of(f"{args.events_per_batch:,} events a batch", results))
    if alone:
        scaled = "" if args.source_scale == 1 else f", scale {args.source_scale:g}: no measure of the targets"
        # The longest name of a figure has room, even if the output goes to a file.
        console = Console(width=max(Console().width, _SOURCE_WIDTH))
        console.print(source_table(f"the source alone{scaled}", alone))
    print(f"written to {out}")
    return 0


def _parse_arguments() -> argparse.Namespace:
    names = [*STATIONS, *MEASUREMENTS]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events-per-batch", type=int, default=500_000, metavar="N", help="default 500000")
    parser.add_argument("--batches", type=int, default=4, metavar="N", help="that count; one more comes first")
    parser.add_argument(
        "--only", nargs="+", choices=names, default=names, metavar="NAME", help=f"of {', '.join(names)}"
    )
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE", help="as for the jobs")
    parser.add_argument(
        "--source-scale", type=float, default=1.0, metavar="X", help="share of the source-… work, for a quick look"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="default .bench/<time>.json")
    return parser.parse_args()


def _measure_stations(load: Load, stations: list[str], overrides: tuple[str, ...]) -> Mapping[str, Figures]:
    """Measure `stations` one after the other, over the same replay, each in a new process; return their figures."""
    results: dict[str, Figures] = {}
    with (
        TemporaryDirectory(dir=_FOLDER, prefix="lake-") as folder,
        _serve_load(load, Path(folder)) as endpoint_url,
    ):
        truth = expected_totals(_truth_file(Path(folder)))
        for name in stations:
            lake = "raw" if name == "staging" else name
            task = Task(
                station=name,
                endpoint_url=endpoint_url,
                root=str(Path(folder, lake).absolute()),
                # Staging is a job that starts, does its steps and ends. It is never warm.
                warm_up=0 if name == "staging" else load.warm_up,
                expected=truth,
                overrides=overrides,
            )
            _say(f"{name}…")
            with ProcessPoolExecutor(max_workers=1, mp_context=multiprocessing.get_context("spawn")) as process:
                results[name] = process.submit(measure, task).result()
            _say(f"{name}: {results[name]['events/s']:,.0f} events/s")
    return results


@contextmanager
def _serve_load(load: Load, folder: Path) -> Iterator[str]:
    # All records arrived yesterday, whatever the time of day is. So every run writes the same number of partitions.
    midnight = datetime.combine(datetime.now(UTC).date() - timedelta(days=1), time(tzinfo=UTC))
    _say(f"making {load.events_per_batch * (load.batches + load.warm_up):,} records…")
    with serve(lambda: make_replay(load, midnight, _truth_file(folder))) as endpoint_url:
        yield endpoint_url


def _truth_file(folder: Path) -> Path:
    return folder / "truth.json"


def _machine() -> dict[str, object]:
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return {
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "python": platform.python_version(),
        "spark": version("pyspark"),
        "delta": version("delta-spark"),
        "commit": commit.stdout.strip(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
