"""Measure some hours, from the tables alone."""

from collections.abc import Collection, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta

from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from event_lake.config.settings import Settings
from event_lake.contracts.contract import Contract
from event_lake.lake import layout, tables
from event_lake.lake.schemas import METRIC
from event_lake.quality import baseline
from event_lake.quality.catalogue import measure_hour
from event_lake.quality.frames import arrivals, elsewhere, fields, refusals
from event_lake.quality.hour.arrived import Arrivals
from event_lake.quality.hour.refused import Refusals
from event_lake.quality.hour.view import HourView
from event_lake.quality.metric import Metric

# So many hours share one pass over raw's files; more would fill the driver's memory.
_HOURS_AT_ONCE = 24
# Values are rounded to so many decimal places: finer than any share of an hour's events, and coarse enough to hide that
# sums in another order differ in their last digits.
_DIGITS = 9


def measure(
    spark: SparkSession,
    settings: Settings,
    hours: Collection[datetime],
    contracts: Mapping[str, Contract],
    note: str | None = None,
) -> int:
    """Measure what arrived in `hours`, and replace their rows in quality/metrics. Return the number of rows.

    `hours` are the beginnings, in UTC; `contracts` are by event type; `note` is for the commit. The raw and the staging
    tables must be there. The rows depend on the tables alone: neither on the clock, nor on what an earlier call wrote
    of these hours.

    Reads, for up to 24 of `hours` at a time:
    - twice the files of raw/events that have arrivals of these hours, once for payloads; and, which is rare, a third
      time if an event_uuid seems to be in staging on another date or under another type, too;
    - once more the payloads of the types whose contracts reach into objects;
    - the event_uuids in staging/events of the dates from the day before the first hour to the last hour's date.
    """
    every = sorted(set(hours))
    if every:
        tables.create(spark, settings.lake.root, [layout.METRICS])
    parts = (every[at : at + _HOURS_AT_ONCE] for at in range(0, len(every), _HOURS_AT_ONCE))
    return sum(_measure_at_once(spark, settings, part, contracts, note) for part in parts)


def _measure_at_once(
    spark: SparkSession, settings: Settings, hours: list[datetime], contracts: Mapping[str, Contract], note: str | None
) -> int:
    metrics = _Measuring(spark, settings.lake.root, hours, contracts).metrics()
    values = [
        (m.measure, m.event_type, m.subject, m.hour, round(float(m.value), _DIGITS), m.detail, m.hour.date())
        for m in metrics
    ]
    rows = spark.createDataFrame(values, METRIC).coalesce(1)
    of_hours = F.col("date").isin(sorted({hour.date() for hour in hours})) & F.col("hour").isin(hours)
    with tables.note_commits(spark, note) if note else nullcontext():
        tables.replace(rows, settings.lake.root, layout.METRICS, of_hours)
    return len(values)


@dataclass(frozen=True)
class _Measuring:
    """One pass over the tables of the lake at `root`, for `hours` in their order."""

    spark: SparkSession
    root: str
    hours: list[datetime]
    contracts: Mapping[str, Contract]

    def metrics(self) -> list[Metric]:
        """Return the rows of all hours.

        Each measured hour is added to `before`, so later ones are compared with it too.
        """
        metrics: list[Metric] = []
        for view in self._views():
            metrics += measure_hour(view)
            view.before.add(view.hour, view.arrivals.events, view.inventories)
        return metrics

    def _views(self) -> list[HourView]:
        events, staged = self._read(layout.RAW_EVENTS), self._read_staged()
        with tables.cache(arrivals.narrow_arrivals(events, self.hours, self.contracts)) as narrow:
            arrived = arrivals.group_arrivals(arrivals.count_arrivals(narrow).collect(), self.hours)
            rows_elsewhere = self._count_elsewhere(events, narrow, staged, arrived)
        others = elsewhere.group_elsewhere(rows_elsewhere, self.hours)
        twice = elsewhere.group_staged_twice(elsewhere.count_staged_twice(staged, self.hours).collect(), self.hours)
        refused = self._refusals()
        every = fields.make_sampling_intervals(self.spark, arrived)
        rows_of_fields = fields.take_inventory(events, self.hours, self.contracts, every).collect()
        inventories = fields.group_inventories(rows_of_fields, self.hours)
        in_objects = fields.group_values_in_objects(self._count_in_objects(events, every, arrived), self.hours)
        before = baseline.read_before(self._read(layout.METRICS), self.hours)
        return [
            HourView(
                hour=hour,
                arrivals=arrived[hour],
                refusals=refused[hour],
                inventories=inventories[hour],
                values_in_objects=in_objects[hour],
                elsewhere=others[hour],
                staged_twice=twice[hour],
                before=before,
                contracts=self.contracts,
            )
            for hour in self.hours
        ]

    def _read(self, table: layout.Table) -> DataFrame:
        return tables.read(self.spark, self.root, table)

    def _read_staged(self) -> DataFrame:
        """Return the rows of staging/events that may have an event_uuid of these hours: those of some dates."""
        first, last = self.hours[0].date() - timedelta(days=1), self.hours[-1].date()
        of_dates = (F.col("date") >= F.lit(first)) & (F.col("date") <= F.lit(last))
        return self._read(layout.STAGING_EVENTS).where(of_dates)

    def _refusals(self) -> Mapping[datetime, Refusals]:
        rows = refusals.count_refusals(self._read, self.hours, self.contracts).collect()
        return refusals.group_refusals(rows, self.hours)

    def _count_elsewhere(
        self, events: DataFrame, narrow: DataFrame, staged: DataFrame, arrived: Mapping[datetime, Arrivals]
    ) -> list[Row]:
        """Return the rows of `count_elsewhere`. If there are no candidates, as usual, don't read the events again."""
        total = sum(of_hour.in_all.events for of_hour in arrived.values())
        if not total:
            return []
        with tables.cache(elsewhere.select_candidates(narrow, staged, total)) as candidates:
            if not candidates.count():
                return []
            return elsewhere.count_elsewhere(events, self.hours, candidates, self.contracts).collect()

    def _count_in_objects(self, events: DataFrame, every: DataFrame, arrived: Mapping[datetime, Arrivals]) -> list[Row]:
        types = set[str]().union(*(of_hour.of_types for of_hour in arrived.values()))
        contracts = {name: contract for name, contract in self.contracts.items() if name in types}
        rows = fields.count_values_in_objects(events, self.hours, contracts, every)
        return rows.collect() if rows else []
