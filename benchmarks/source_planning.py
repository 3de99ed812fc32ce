"""Measures the calls and seconds that it takes to plan a batch over 256 shards, if a call takes 20 ms."""

from datetime import UTC, datetime, timedelta
from statistics import median
from time import perf_counter, sleep

from benchmarks.figures import Figures
from benchmarks.replay import calls, serve
from benchmarks.source_replay import Alike, ago, payloads
from benchmarks.source_session import in_new_process, source_of
from event_lake.config.parsing import parse_instant
from event_lake.kinesis.admission import ReadMaxRows
from event_lake.kinesis.planning.ends import MOST_PER_SECOND
from event_lake.kinesis.source import KinesisStreamReader

SHARDS = 256
CALL_SECONDS = 0.02
_TIMES = 3
_TRIGGER_SECONDS = 10
# The records/s of each shard: 25,600 records/s of the stream, and all that its shards take.
_RATES = (100, MOST_PER_SECOND)


def planning(_: float) -> Figures:
    figures: Figures = {}
    # The query is a day behind, so that each batch ends at a cut before the tip.
    with serve(lambda: _stream(86_400, ago(days=1), 1)) as endpoint_url:
        figures |= in_new_process(_behind, endpoint_url)
    for rate in _RATES:
        # Records arrive for 240 s: throughout the measurement, and longer.
        first = ago(seconds=30)
        with serve(lambda: _stream(rate * 240, first, rate)) as endpoint_url:  # noqa: B023 (forks here)
            figures |= in_new_process(_live, endpoint_url, rate)
    with serve(lambda: _stream(100, ago(hours=1), 1)) as endpoint_url:
        figures |= in_new_process(_idle, endpoint_url)
    return figures


def _stream(records: int, first_arrival: datetime, rate: float) -> Alike:
    return Alike(payloads(records), first_arrival, rate, shards=SHARDS, call_seconds=CALL_SECONDS)


class _Planned:
    """A query whose batches are planned as Spark does it, and the seconds and calls a shard that each took."""

    def __init__(self, endpoint_url: str) -> None:
        source = source_of(endpoint_url)
        self._reader = KinesisStreamReader(source)
        self._limit = ReadMaxRows(source.max_batch_records)
        self._endpoint_url = endpoint_url
        self.offset = self._reader.initialOffset()
        self.seconds: list[float] = []
        self.calls: list[float] = []

    def batch(self) -> bool:
        """Plan the next batch. Return True if it has any records."""
        before, begun = sum(calls(self._endpoint_url).values()), perf_counter()
        end = self._reader.latestOffset(self.offset, self._limit)
        busy = end != self.offset and len(self._reader.partitions(self.offset, end)) > 0
        self.seconds.append(perf_counter() - begun)
        self.calls.append((sum(calls(self._endpoint_url).values()) - before) / SHARDS)
        self.offset = end
        return busy

    @property
    def is_caught_up(self) -> bool:
        """True if the last batch left less than a trigger's records."""
        cut = self.offset.get("cut")
        return cut is not None and datetime.now(UTC) - parse_instant(cut) < timedelta(seconds=_TRIGGER_SECONDS)

    def figures(self, name: str, since: int) -> Figures:
        """Return the figures of the batches from number `since` on."""
        return {
            f"s, {name}": median(self.seconds[since:]),
            f"s, {name}, worst of {_TIMES}": max(self.seconds[since:]),
            f"API calls/shard, {name}": max(self.calls[since:]),
        }


def _behind(endpoint_url: str) -> Figures:
    planned = _Planned(endpoint_url)
    planned.batch()
    for _ in range(_TIMES):
        assert planned.batch(), "there's a day of records"
    return {"s, a query's beginning": planned.seconds[0], **planned.figures("a day behind", 1)}


def _live(endpoint_url: str, rate: int) -> Figures:
    planned = _Planned(endpoint_url)
    while not planned.is_caught_up:
        planned.batch()
    behind = len(planned.seconds)
    for _ in range(_TIMES):
        sleep(_TRIGGER_SECONDS)
        assert planned.batch(), "records keep arriving"
    return planned.figures(f"{rate} records/s/shard", behind)


def _idle(endpoint_url: str) -> Figures:
    planned = _Planned(endpoint_url)
    planned.batch()
    assert planned.batch(), "there are some records"
    for _ in range(1 + _TIMES):
        assert not planned.batch(), "there are no more"
    return {
        "s, first idle trigger": planned.seconds[2],
        "API calls/shard, first idle trigger": planned.calls[2],
        **planned.figures("idle", 3),
    }
