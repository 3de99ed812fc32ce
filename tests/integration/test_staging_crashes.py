"""SIGKILL at any point of a run of build_staging: the tables come to hold what an undisturbed run makes of raw.

`make test-kills` kills twice, `make test-faults` 20 times (STAGING_KILLS); CRASH_SEED chooses the moments.
"""

import os
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from event_lake.config.settings import Quality
from event_lake.lake import layout
from event_lake.staging.build import QUERY, build_staging
from support.killing import Lake, assert_runs, job, kill, wait_for_more
from support.raw_layers import Event, RawLayer, settings_of

pytestmark = pytest.mark.kills

KILLS = int(os.environ.get("STAGING_KILLS", "2"))
SEED = int(os.environ.get("CRASH_SEED", "1"))
STEP = 60_000
TYPES = ("lesson", "payment", "search")
CONTRACT = 'event_type = "%s"\n[columns.x]\ntype = "bigint"\nrequired = true\nmaximum = 8\n'
# Each with the commit that it waits for; None: the first of the checkpoint's logs, or the last.
TYPED = layout.Table("staging/types/lesson", layout.METRICS.schema, ("date",), ())
MOMENTS: tuple[Callable[[Lake], Callable[[], set[str]]], ...] = (
    lambda lake: lambda: lake.commits(layout.STAGING_EVENTS),
    lambda lake: lambda: lake.commits(TYPED),
    lambda lake: lambda: lake.commits(layout.CONFLICTS),
    lambda lake: lambda: lake.commits(layout.REJECTED),
    lambda lake: lambda: lake.commits(layout.METRICS),
    lambda lake: lake.planned,
    lambda lake: lambda: lake.files(layout.STAGING_EVENTS),
    lambda lake: lake.done,
)


def test_kills_at_any_point_come_to_the_tables_of_an_undisturbed_run(
    spark: SparkSession, root: str, tmp_path: Path
) -> None:
    rng = Random(SEED)
    contracts = tmp_path / "contracts"
    contracts.mkdir()
    for name in TYPES[:2]:
        (contracts / f"{name}.toml").write_text(CONTRACT % name)
    raw = RawLayer(spark, root)
    log = tmp_path / "log"
    for number in range(KILLS):
        raw.gains(*_some(rng))
        moment = MOMENTS[(number + SEED) % len(MOMENTS)]
        with _job(root, contracts, log) as running:
            wait_for_more(
                moment(Lake(root, QUERY, ("steps", "done"))), lambda running=running: assert_runs(running, log)
            )
            time.sleep(rng.choice((0, 0, rng.uniform(0, 1))))
            kill(running)
    calm = str(tmp_path / "calm")
    shutil.copytree(f"{root}/raw", f"{calm}/raw")
    for lake in (root, calm):
        settings = settings_of(lake, contracts=str(contracts), max_batch_bytes=STEP)
        build_staging(spark, replace(settings, quality=Quality()))
    found = {name: _content(spark, root, name) for name in _tables(root)}
    assert found == {name: _content(spark, calm, name) for name in _tables(calm)}
    assert min(map(len, found.values())) > 0, sorted(found)


def _some(rng: Random) -> list[Event]:
    """Events of a day: copies, conflicts, late ones, and such as break their contract among them."""
    return [
        Event(
            uuid=str(rng.randrange(40)),
            event_type=rng.choice(TYPES),
            says=rng.choice(('{"x":%d}', '{"x": %d }', '{"y":%d}')) % rng.randrange(10),
            created=rng.uniform(0, 100),
            arrived=rng.uniform(100, 3000),
            number=rng.randrange(10**6),
            day=rng.choice((0, 0, -1)),
        )
        for _ in range(60)
    ]


def _job(root: str, contracts: Path, log: Path) -> AbstractContextManager[subprocess.Popen[bytes]]:
    settings = {"lake.root": root, "staging.contracts": str(contracts), "staging.max_batch_bytes": str(STEP)}
    return job(log, "build_staging", *(part for pair in settings.items() for part in ("--set", "=".join(pair))))


def _tables(root: str) -> list[str]:
    return sorted(str(log.parent.relative_to(root)) for log in Path(root).rglob("_delta_log") if "raw" not in log.parts)


def _content(spark: SparkSession, root: str, name: str) -> Counter[str]:
    rows: DataFrame = spark.read.format("delta").load(f"{root}/{name}")
    return Counter(row.text for row in rows.select(F.to_json(F.struct(*rows.columns)).alias("text")).collect())
