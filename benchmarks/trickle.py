"""Measure the CPU of ingest_raw on a stream of few events: 1 M events an hour, in a batch each minute."""

import os
import signal
import time
from datetime import UTC, datetime
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

from benchmarks.figures import Figures
from benchmarks.load import BATCH_SECONDS, Load, make_replay
from benchmarks.replay import serve
from benchmarks.source_idle import Used, per_second, used
from benchmarks.source_session import CORES, WrongRecordsError, in_new_process
from benchmarks.station import JVM
from event_lake.config.files import load_settings
from event_lake.lake import layout, tables
from event_lake.lake.session import spark_session
from event_lake.raw.ingest import IngestOptions, ingest_raw

EVENTS_PER_SECOND = 278
_TRIGGER_SECONDS = 60
# The first batches warm the JVM up. Those that are measured are like all others of a day.
_WARM_UP_SECONDS, _SECONDS = 300, 600


def trickle(scale: float) -> Figures:
    """Return the figures of `scale` times ten minutes."""
    warm_up, seconds = _WARM_UP_SECONDS * min(1, scale), _SECONDS * scale
    whole = ceil((warm_up + seconds) / BATCH_SECONDS) + 1
    load = Load(events_per_batch=EVENTS_PER_SECOND * BATCH_SECONDS, batches=whole, warm_up=0)
    with TemporaryDirectory(dir=".bench", prefix="trickle-") as name:
        folder = Path(name).absolute()
        with serve(lambda: make_replay(load, datetime.now(UTC), folder / "truth.json")) as endpoint_url:
            return in_new_process(_measure, endpoint_url, str(folder / "lake"), warm_up, seconds)


def _measure(endpoint_url: str, root: str, warm_up: float, seconds: float) -> Figures:
    overrides = (
        f'spark."spark.master"="local[{CORES}]"',
        f"source.endpoint_url={endpoint_url}",
        f"source.max_batch_seconds={BATCH_SECONDS}",
        f"lake.root={root}",
        f"raw.trigger_interval='{_TRIGGER_SECONDS} seconds'",
    )
    settings = load_settings("conf/local.toml", overrides)
    readings: list[Used] = []

    def read_and_stop() -> None:
        for wait in (warm_up, seconds):
            time.sleep(wait)
            readings.append(used(endpoint_url))
        os.kill(os.getpid(), signal.SIGTERM)

    with spark_session("trickle", {**settings.spark, **JVM}) as spark:
        Thread(target=read_and_stop, daemon=True).start()
        totals = ingest_raw(spark, settings, IngestOptions()).totals
        batches = tables.read(spark, root, layout.LEDGER).select("batch_id").distinct().count()
        files = len(tables.read(spark, root, layout.RAW_EVENTS).inputFiles())
    least = EVENTS_PER_SECOND * (warm_up + seconds - _TRIGGER_SECONDS)
    if totals.read < least:
        raise WrongRecordsError(f"{totals.read:,} records read, but at least {least:,.0f} came")
    jvm, python = (per_second(*readings, is_jvm=is_jvm) for is_jvm in (True, False))
    return {
        "batches": batches,
        "events/batch": totals.read / batches,
        "files of raw/batch": files / batches,
        "% of a core": 100 * (jvm + python),
        "% of a core, JVM": 100 * jvm,
        "% of a core, Python": 100 * python,
    }
