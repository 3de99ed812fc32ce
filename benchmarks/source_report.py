"""Lists the measurements of the source, the deduplication and the jobs, and shows figures beside their targets."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rich.table import Table

from benchmarks.dedup_day import day
from benchmarks.figures import Figures
from benchmarks.report import format_number
from benchmarks.source_catchup import catch_up
from benchmarks.source_idle import idle
from benchmarks.source_latency import end_of_data, put_to_visible
from benchmarks.source_memory import memory
from benchmarks.source_planning import planning
from benchmarks.source_throughput import throughput
from benchmarks.staging_hours import hours
from benchmarks.trickle import trickle
from event_lake.config.settings import Source

# The measurements by the name that --only takes. Each takes the share of its full work to do.
MEASUREMENTS: Mapping[str, Callable[[float], Figures]] = {
    "source-throughput": throughput,
    "source-planning": planning,
    "source-catchup": catch_up,
    "source-idle": idle,
    "source-visible": put_to_visible,
    "source-end": end_of_data,
    "source-memory": memory,
    "dedup-day": day,
    "staging-hours": hours,
    "trickle": trickle,
}


@dataclass(frozen=True, kw_only=True)
class Target:
    """The bounds that a figure is to keep."""

    least: float = float("-inf")
    below: float = float("inf")
    most: float = float("inf")

    def is_met(self, value: float) -> bool:
        return self.least <= value <= self.most and value < self.below

    def __str__(self) -> str:
        bounds = ((">=", self.least), ("<", self.below), ("<=", self.most))
        return " ".join(f"{sign} {format_number(bound)}" for sign, bound in bounds if abs(bound) != float("inf"))


_BATCH_SECONDS = Target(most=Source.max_batch_seconds)
_BATCH_RECORDS = Target(most=Source.max_batch_records)
_PLANNING = Target(below=3)

TARGETS: Mapping[str, Mapping[str, Target]] = {
    "source-throughput": {"records/s, 4 shards": Target(least=150_000)},
    "source-planning": {
        "s, a day behind, worst of 3": _PLANNING,
        "s, 100 records/s/shard, worst of 3": _PLANNING,
        "s, 1000 records/s/shard, worst of 3": _PLANNING,
        "s, idle, worst of 3": _PLANNING,
        "API calls/shard, idle": Target(most=1),
    },
    "source-catchup": {
        "largest batch, s of arrivals, 4 shards": _BATCH_SECONDS,
        "largest batch, records, 4 shards": _BATCH_RECORDS,
        "largest batch, s of arrivals, 32 shards": _BATCH_SECONDS,
        "largest batch, records, 32 shards": _BATCH_RECORDS,
    },
    "source-end": {"s from last record to end, worst": Target(below=3)},
    "source-memory": {"MiB at most, executor's Python worker": Target(below=512)},
    "dedup-day": {"last decile / second decile": Target(most=1.2)},
    "staging-hours": {
        "s, 30 days behind / 1 day behind": Target(most=1.3),
        "events/s, staging/events alone": Target(least=40_000),
        "events/s, with all typed tables": Target(least=20_000),
        "s, a run without news": Target(below=5),
    },
    "trickle": {"% of a core": Target(most=12)},
}


def targets_of(measurement: str) -> dict[str, str]:
    """Return the measurement's targets as text, by figure."""
    return {figure: str(target) for figure, target in TARGETS.get(measurement, {}).items()}


def source_table(title: str, results: Mapping[str, Figures]) -> Table:
    """Return a table with a row for each figure, and its target if it has one."""
    table = Table("", title=title)
    table.add_column("", no_wrap=True)
    table.add_column("figure", justify="right", no_wrap=True)
    table.add_column("target", no_wrap=True)
    table.add_column("", no_wrap=True)
    for measurement, figures in results.items():
        for index, (name, value) in enumerate(figures.items()):
            target = TARGETS.get(measurement, {}).get(name)
            table.add_row(
                measurement if index == 0 else "",
                name,
                format_number(value),
                str(target) if target else "",
                "" if target is None else "met" if target.is_met(value) else "missed",
                end_section=index == len(figures) - 1,
            )
    return table
