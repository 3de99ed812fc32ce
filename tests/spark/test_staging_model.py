"""Whatever happens to raw between runs, staging holds what a plain model of it does.

`make test-more` tries 1 history, `make test-faults` 40 (HISTORIES); each is of a hundred events or two.
"""

import json
import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from event_lake.lake import layout, tables
from event_lake.lake.schemas import OTHER
from event_lake.lake.window import Dates
from event_lake.staging.build import build_staging
from event_lake.staging.rebuild import rebuild_staging
from support.raw_layers import NOON, Event, RawLayer, settings_of

pytestmark = [pytest.mark.histories, pytest.mark.slow]

HISTORIES = int(os.environ.get("HISTORIES", "1"))
UUIDS = 20
PAYLOADS = ('{"x":1,"y":2}', '{"y": 2, "x": 1}', '{"x":2}', '{"x": 2.0}', '{"x":[1,2]}', '{"x":[2,1]}', '{"x":1,"x":2}')

TYPES = ("lesson", "payment")
# Payments have no partition of their own at first.
OWN = ("lesson",)

Kept = tuple[str, str, str, str]
Refused = tuple[str, str, str, str]


@dataclass
class Model:
    """What raw holds, what no run has taken yet, and what runs have taken."""

    keep: str
    held: list[Event] = field(default_factory=list)
    to_come: list[Event] = field(default_factory=list)
    taken: list[Event] = field(default_factory=list)

    def gains(self, *events: Event) -> None:
        self.held += events
        self.to_come += events

    def loses(self, uuids: set[str]) -> None:
        self.held = [event for event in self.held if event.uuid not in uuids]
        self.to_come = [event for event in self.to_come if event.uuid not in uuids]

    def runs(self) -> None:
        self.taken += self.to_come
        self.to_come = []

    def is_rebuilt(self) -> None:
        self.runs()
        self.taken = list(self.held)

    def staging(self) -> tuple[set[Kept], set[Refused]]:
        versions: dict[tuple[object, ...], dict[str, Event]] = defaultdict(dict)
        for event in sorted(self.taken, key=lambda event: (event.day, event.arrived, event.number)):
            versions[event.day, event.event_type, event.uuid].setdefault(_content(event.says), event)
        kept, refused = set(), set()
        for copies in versions.values():
            first, *_ = best = sorted(copies.values(), key=self._preference)
            kept.add((first.uuid, str(first.number), first.says, first.partition or first.event_type))
            refused |= {(event.uuid, str(event.number), event.says, str(first.number)) for event in best[1:]}
        return kept, refused

    def _preference(self, event: Event) -> tuple[float, ...]:
        if self.keep == "first":
            return (event.arrived, event.number)
        return (-event.created, -event.arrived, -event.number)


def _content(says: str) -> str:
    pairs = json.loads(says, object_pairs_hook=list)
    if len({key for key, _ in pairs}) < len(pairs):
        return says
    return json.dumps(sorted((key, float(value) if isinstance(value, int) else value) for key, value in pairs))


OPERATIONS = ("gains", "gains", "loses", "is compacted", "has other partitions", "runs", "runs")


@settings(
    max_examples=HISTORIES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    seed=st.integers(0, 10**6),
    keep=st.sampled_from(("first", "latest")),
    operations=st.lists(st.sampled_from(OPERATIONS), min_size=4, max_size=7),
    is_rebuilt=st.booleans(),
)
def test_staging_is_what_the_model_says(
    spark: SparkSession, tmp_path: Path, *, seed: int, keep: str, operations: list[str], is_rebuilt: bool
) -> None:
    rng, model, own = Random(seed), Model(keep), OWN
    with TemporaryDirectory(dir=tmp_path) as folder:
        raw, configured = RawLayer(spark, folder), settings_of(folder, keep=keep, max_batch_bytes=30_000)
        for operation in ("gains", *operations, "gains", "runs"):
            match operation:
                case "gains":
                    events = _some(rng, own)
                    raw.gains(*events)
                    model.gains(*events)
                case "loses":
                    uuids = {str(rng.randrange(UUIDS)) for _ in range(3)}
                    raw.loses(f"event_uuid in ({', '.join(map(repr, uuids))})")
                    model.loses(uuids)
                case "is compacted":
                    raw.compact()
                    raw.vacuum()
                case "has other partitions":
                    own = TYPES if own == OWN else OWN
                case "runs":
                    build_staging(spark, configured)
                    model.runs()
        assert _staging(spark, folder) == model.staging()
        if is_rebuilt:
            day = NOON.date()
            rebuild_staging(spark, configured, Dates(day - timedelta(days=1), day))
            model.is_rebuilt()
            assert _staging(spark, folder) == model.staging()


def _some(rng: Random, own: Sequence[str]) -> list[Event]:
    types = [rng.choice(TYPES) for _ in range(rng.randrange(10, 40))]
    return [
        Event(
            uuid=str(rng.randrange(UUIDS)),
            event_type=event_type,
            partition=None if event_type in own else OTHER,
            says=rng.choice(PAYLOADS),
            created=rng.randrange(5),
            arrived=rng.randrange(10, 60),
            number=rng.randrange(10**12),
            day=rng.choice((0, -1)),
        )
        for event_type in types
    ]


def _staging(spark: SparkSession, root: str) -> tuple[set[Kept], set[Refused]]:
    staged = tables.read(spark, root, layout.STAGING_EVENTS)
    kept = staged.select("event_uuid", "sequence_number", "payload", "event_type").collect()
    refused = (
        tables.read(spark, root, layout.CONFLICTS)
        .select("event_uuid", "sequence_number", "payload", "kept.sequence_number")
        .collect()
    )
    assert len(set(kept)) == len(kept)
    return {tuple(row) for row in kept}, {tuple(row) for row in refused}
