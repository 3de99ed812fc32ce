"""Measures the cost of an idle stream of 8 shards: CPU seconds of the driver's JVM and of all Python, and API calls."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

import psutil

from benchmarks.figures import Figures
from benchmarks.replay import calls, serve
from benchmarks.source_replay import Alike, ago, payloads
from benchmarks.source_session import in_new_process, records, session, source_of

SHARDS = 8
_WARM_UP_SECONDS = 40
_HOUR = 3600


def idle(scale: float) -> Figures:
    """Measure for a minute * `scale`, and half as long without a query."""
    with serve(lambda: Alike(payloads(100), ago(hours=1), 1, shards=SHARDS)) as endpoint_url:
        return in_new_process(_measured, endpoint_url, 60 * scale)


@dataclass(frozen=True)
class Used:
    """The resources used up to the time `at`: CPU seconds by process, and calls.

    A process is given by its id, and True if it's a JVM.
    """

    at: float
    cpu: Mapping[tuple[int, bool], float]
    calls: int


def _measured(endpoint_url: str, seconds: float) -> Figures:
    with session("source-idle") as (spark, folder):
        query = (
            records(spark, source_of(endpoint_url))
            .writeStream.format("noop")
            .option("checkpointLocation", str(folder / "noop"))
            .trigger(processingTime="1 second")
            .start()
        )
        time.sleep(_WARM_UP_SECONDS * min(1, seconds / 60))
        before = used(endpoint_url)
        time.sleep(seconds)
        after = used(endpoint_url)
        assert query.isActive, "it waits for records"
        query.stop()
        # The session takes some CPU without a query. The triggers cost what is beyond that.
        time.sleep(5)
        before_rest = used(endpoint_url)
        time.sleep(seconds / 2)
        after_rest = used(endpoint_url)
    jvm, python = per_second(before, after, is_jvm=True), per_second(before, after, is_jvm=False)
    rest = sum(per_second(before_rest, after_rest, is_jvm=is_jvm) for is_jvm in (True, False))
    per_trigger = jvm + python - rest
    return {
        "CPU s/hour, 1 s trigger": _HOUR * (jvm + python),
        "CPU s/hour, 1 s trigger, JVM": _HOUR * jvm,
        "CPU s/hour, 1 s trigger, Python": _HOUR * python,
        "CPU s/hour, no query": _HOUR * rest,
        "CPU ms/trigger": 1000 * per_trigger,
        "CPU s/hour, 60 s trigger (extrapolated)": _HOUR * (rest + per_trigger / 60),
        "API calls/s/shard, 1 s trigger": (after.calls - before.calls) / (after.at - before.at) / SHARDS,
    }


def per_second(before: Used, after: Used, *, is_jvm: bool) -> float:
    """Return the CPU seconds a second of those processes that were there at both times."""
    seconds = [cpu - before.cpu[key] for key, cpu in after.cpu.items() if key in before.cpu and key[1] is is_jvm]
    return sum(seconds) / (after.at - before.at)


def used(endpoint_url: str) -> Used:
    """Return the resources used up to now. They aren't sampled in between, because that costs CPU, too."""
    driver = psutil.Process()
    cpu: dict[tuple[int, bool], float] = {}
    for process in (driver, *driver.children(recursive=True)):
        times = process.cpu_times()
        cpu[process.pid, process.name() == "java"] = times.user + times.system
    return Used(time.monotonic(), cpu, sum(calls(endpoint_url).values()))
