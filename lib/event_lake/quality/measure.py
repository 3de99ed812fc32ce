"""The quality measures of some hours, from the tables alone."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from event_lake.config.settings import Settings
from event_lake.contracts.contract import Contract
from event_lake.lake import layout, tables
from event_lake.lake.schemas import METRIC
from event_lake.quality import baseline
from event_lake.quality.frames import arrivals, elsewhere, fields, refusals
from event_lake.quality.hour.arrived import Arrivals
from event_lake.quality.hour.before import compare_with_before, compare_with_usual
from event_lake.quality.hour.inventory import OfTypes, measure_completeness
from event_lake.quality.hour.refused import Refused
from event_lake.quality.metric import Metric

# Measured together: they share a pass over raw's files. More would fill the driver with their rows.
_HOURS_AT_ONCE = 24
# Far more digits than a share of an hour's events has, and fewer than sums in another order differ by.
_DIGITS = 9


def measure(
    spark: SparkSession,
    settings: Settings,
    hours: Collection[datetime],
    contracts: Mapping[str, Contract],
    note: str | None = None,
) -> int:
    """Measure what arrived in `hours` (their beginnings, UTC), in place of what quality/metrics has of them.

    `contracts` by event type; `note` is for the commit. Returns the number of rows. A pure function of the tables:
    without a clock, and whatever it wrote before of these hours. The raw and the staging tables must be there.

    Reads the files of raw/events that have arrivals of `hours` twice, once for payloads (once more those of types whose
    contracts reach into objects), and of staging/events the event_uuids of the dates from the day before the first hour
    to the last one's.
    """
    every = sorted(set(hours))
    if every:
        tables.create(spark, settings.lake.root, [layout.METRICS])
    parts = (every[at : at + _HOURS_AT_ONCE] for at in range(0, len(every), _HOURS_AT_ONCE))
    return sum(_measured(spark, settings, part, contracts, note) for part in parts)


def _measured(
    spark: SparkSession, settings: Settings, hours: list[datetime], contracts: Mapping[str, Contract], note: str | None
) -> int:
    metrics = _Measuring(spark, settings.lake.root, hours, contracts).metrics()
    found = [
        (m.measure, m.event_type, m.subject, m.hour, round(float(m.value), _DIGITS), m.detail, m.hour.date())
        for m in metrics
    ]
    rows = spark.createDataFrame(found, METRIC).coalesce(1)
    of_hours = F.col("date").isin(sorted({hour.date() for hour in hours})) & F.col("hour").isin(hours)
    with tables.note_commits(spark, note) if note else nullcontext():
        tables.replace(rows, settings.lake.root, layout.METRICS, of_hours)
    return len(found)


@dataclass(frozen=True)
class _Measuring:
    """One pass over the tables of the lake at `root`."""

    spark: SparkSession
    root: str
    hours: list[datetime]
    contracts: Mapping[str, Contract]

    def metrics(self) -> list[Metric]:
        """All measures, in an order of their own."""
        events = self._read(layout.RAW_EVENTS)
        narrow = arrivals.narrow_arrivals(events, self.hours, self.contracts)
        with tables.cache(narrow) as arrived:
            came = arrivals.group_by_hour(arrivals.count_arrivals(arrived).collect(), self.hours)
            found_elsewhere = list(self._elsewhere(events, arrived, came.total))
        refused = self._refused()
        every = fields.sampling_intervals(self.spark, came)
        inventories = self._fields(events, every)
        nulls = self._nulls(events, every, inventories)
        return [
            *(metric for hour in self.hours for metric in self._of_hour(hour, came, refused, inventories)),
            *self._compared(came, refused, inventories),
            *nulls,
            *found_elsewhere,
        ]

    def _read(self, table: layout.Table) -> DataFrame:
        return tables.read(self.spark, self.root, table)

    def _of_hour(self, hour: datetime, came: Arrivals, refused: Refused, inventories: OfTypes) -> Iterator[Metric]:
        yield from came.metrics(hour)
        yield from refused.metrics(hour, came, self.contracts)
        for event_type, found in inventories[hour].items():
            yield from found.metrics(event_type, hour)
        yield from measure_completeness(hour, inventories[hour], came.events(hour))

    def _refused(self) -> Refused:
        return refusals.group_refusals(
            refusals.count_refusals(self._read, self.hours, self.contracts).collect(), self.hours
        )

    def _fields(self, events: DataFrame, every: DataFrame) -> OfTypes:
        rows = fields.take_inventory(events, self.hours, self.contracts, every).collect()
        return fields.group_by_type(rows, self.hours)

    def _nulls(self, events: DataFrame, every: DataFrame, inventories: OfTypes) -> list[Metric]:
        came = {name for of_types in inventories.values() for name in of_types}
        contracts = {name: contract for name, contract in self.contracts.items() if name in came}
        deeper = fields.count_deeper(events, self.hours, contracts, every)
        rows = deeper.collect() if deeper else []
        return [
            metric
            for hour in self.hours
            for metric in fields.measure_null_shares(hour, inventories[hour], contracts, rows)
        ]

    def _elsewhere(self, events: DataFrame, arrived: DataFrame, total: int) -> Iterator[Metric]:
        """The events whose event_uuid is elsewhere, too: nearly always there are none."""
        first, last = self.hours[0].date() - timedelta(days=1), self.hours[-1].date()
        of_dates = (F.col("date") >= F.lit(first)) & (F.col("date") <= F.lit(last))
        staged = self._read(layout.STAGING_EVENTS).where(of_dates)
        rows = []
        if total:
            with tables.cache(elsewhere.candidates(arrived, staged, total)) as found:
                if found.count():
                    rows = elsewhere.elsewhere(events, self.hours, found, self.contracts).collect()
        yield from elsewhere.elsewhere_metrics(rows, self.hours)
        yield from elsewhere.twice_metrics(elsewhere.staged_twice(staged, self.hours).collect(), self.hours)

    def _compared(self, came: Arrivals, refused: Refused, inventories: OfTypes) -> Iterator[Metric]:
        """The measures beside the time before: as the table has it, and of these hours as they are now."""
        before = baseline.read_before(self._read(layout.METRICS), self.hours)
        for hour in self.hours:
            events = came.events(hour)
            found = {name: of_type.inventory for name, of_type in inventories[hour].items()}
            yield from compare_with_before(hour, events, found, before, self.contracts)
            if refused.is_complete(hour):
                yield from compare_with_usual(hour, events, before)
            before.add(hour, events, found)
