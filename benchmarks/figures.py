"""Turn the marks of a query into the figures that a benchmark reports."""

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TypeAlias

from pyspark.sql.streaming.listener import StreamingQueryProgress

from benchmarks.meter import Mark, Usage, batch_seconds, batches, phases

Figures: TypeAlias = dict[str, float]
"""Figures by name; a figure that a station doesn't have is left out."""

_MB = 1_000_000


@dataclass(frozen=True)
class _Commit:
    """The sizes in bytes of the files that a commit added, and the seconds from the last of them to the commit."""

    sizes: Sequence[int]
    seconds: float


def figures_of(
    marks: Sequence[Mark], usage: Usage, *, warm_up: int, receipts: int, written: Sequence[Path], state: Path
) -> Figures:
    """Return the figures of a query's batches after the first `warm_up`. Peaks and state are those of all batches.

    In each batch, `receipts` rows are no events. `written` are the folders of the tables that the query wrote to.
    `state` is the folder of its state store, which needn't exist.
    """
    first, last = marks[warm_up], marks[-1]
    counted = batches(marks[warm_up + 1 :])
    seconds = [batch_seconds(progress) for progress in counted]
    events = sum(progress.numInputRows - receipts for progress in counted)
    commits = [commit for table in written for commit in _commits(table, {progress.batchId for progress in counted})]
    return {
        "events": events,
        "batches": len(counted),
        "events/s": events / sum(seconds),
        "events/s, wall": events / (last.at - first.at),
        "us/event": 1e6 * sum(seconds) / events,
        "CPU us/event, JVM": 1e6 * (last.cpu.jvm - first.cpu.jvm) / events,
        "CPU us/event, Python": 1e6 * (last.cpu.python - first.cpu.python) / events,
        "s/batch, median": median(seconds),
        "s/batch, min": min(seconds),
        "s/batch, max": max(seconds),
        "peak MB": (usage.peak_jvm + usage.peak_worker) / _MB,
        "peak MB, JVM": usage.peak_jvm / _MB,
        "peak MB, Python worker": usage.peak_worker / _MB,
        "API calls/batch": (last.calls - first.calls) / len(counted),
        **_written_figures(commits, len(counted)),
        **_state_figures(batches(marks), state),
        **{f"ms/batch, {phase}": ms for phase, ms in phases(counted).items()},
    }


def _written_figures(commits: Sequence[_Commit], batches_counted: int) -> Figures:
    sizes = [size for commit in commits for size in commit.sizes]
    if not sizes:
        return {}
    return {
        "files": len(sizes),
        "files/batch": len(sizes) / batches_counted,
        "kB/file": sum(sizes) / len(sizes) / 1000,
        "MB written": sum(sizes) / _MB,
        "ms/batch, commits": 1000 * sum(commit.seconds for commit in commits) / batches_counted,
    }


def _state_figures(reports: Sequence[StreamingQueryProgress], state: Path) -> Figures:
    """Return the bytes of a key in the state. Each row that the deduplication lets through leaves a key."""
    if not state.exists():
        return {}
    stores = [store for progress in reports for store in progress.stateOperators]
    dropped = sum(store.customMetrics["numDroppedDuplicateRows"] for store in stores)
    keys = sum(progress.numInputRows for progress in reports) - dropped
    on_disk = sum(file.stat().st_size for file in state.rglob("*") if file.is_file())
    return {
        "state keys": keys,
        "state bytes/key, memory": stores[-1].memoryUsedBytes / keys,
        "state bytes/key, disk": on_disk / keys,
    }


def _commits(table: Path, batch_ids: Collection[int]) -> Iterator[_Commit]:
    """Yield the commits that added files to a Delta table for these batches, or for no batch."""
    for log in sorted(table.glob("_delta_log/*.json")):
        actions = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
        added = [action["add"] for action in actions if "add" in action]
        if added and all(action["txn"]["version"] in batch_ids for action in actions if "txn" in action):
            written = max(add["modificationTime"] for add in added) / 1000
            yield _Commit([add["size"] for add in added], log.stat().st_mtime - written)
