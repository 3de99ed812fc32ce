"""What a batch over 256 shards costs before it is read, in calls and seconds, where a call takes 20 ms."""

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
# Of each shard: 25,600 records/s of the stream, and all that its shards take.
_RATES = (100, MOST_PER_SECOND)


def planning(_: float) -> Figures:
    figures: Figures = {}
    # A day's records: probes find a cut among them, and the batch ends there.
    with serve(lambda: _stream(86_400, ago(days=1), 1)) as endpoint_url:
        figures |= in_new_process(_behind, endpoint_url)
    for rate in _RATES:
        # They arrive while it's measured, and longer.
        first = ago(seconds=30)
        with serve(lambda: _stream(rate * 240, first, rate)) as endpoint_url:  # noqa: B023 (forks here)
            figures |= in_new_process(_live, endpoint_url, rate)
    with serve(lambda: _stream(100, ago(hours=1), 1)) as endpoint_url:
        figures |= in_new_process(_idle, endpoint_url)
    return figures


def _stream(records: int, first_arrival: datetime, rate: float) -> Alike:
    return Alike(payloads(records), first_arrival, rate, shards=SHARDS, call_seconds=CALL_SECONDS)


class _Planned:
    """A query's planning, as Spark asks for it, and what it cost."""

    def __init__(self, endpoint_url: str) -> None:
        source = source_of(endpoint_url)
        self._reader = KinesisStreamReader(source)
        self._limit = ReadMaxRows(source.max_batch_records)
        self._endpoint_url = endpoint_url
        self.offset = self._reader.initialOffset()
        self.seconds: list[float] = []
        self.calls: list[float] = []

    def batch(self) -> bool:
        """Plan the next; whether it has any records."""
        before, begun = sum(calls(self._endpoint_url).values()), perf_counter()
        end = self._reader.latestOffset(self.offset, self._limit)
        busy = end != self.offset and len(self._reader.partitions(self.offset, end)) > 0
        self.seconds.append(perf_counter() - begun)
        self.calls.append((sum(calls(self._endpoint_url).values()) - before) / SHARDS)
        self.offset = end
        return busy

    @property
    def caught_up(self) -> bool:
        """Whether the last batch left less than a trigger's records."""
        cut = self.offset.get("cut")
        return cut is not None and datetime.now(UTC) - parse_instant(cut) < timedelta(seconds=_TRIGGER_SECONDS)

    def figures(self, name: str, since: int) -> Figures:
        """Of the batches from number `since` on."""
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
    while not planned.caught_up:
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
