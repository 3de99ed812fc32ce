"""Hold the newest quality measures to the thresholds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from event_lake.config.settings import Settings
from event_lake.errors import QualityError, UserError
from event_lake.lake import layout, tables
from event_lake.quality import thresholds
from event_lake.quality.metric import Metric
from event_lake.quality.thresholds import Breach, Rule


@dataclass(frozen=True)
class QualityCheck:
    """The outcome of a check: of so many `rules`, the breaches; `newest` is the last hour that was measured."""

    newest: datetime
    rules: int
    breaches: Sequence[Breach]

    def as_text(self) -> str:
        """Return a line for each breach, or one that says that there are none."""
        if self.breaches:
            return "\n".join(map(str, self.breaches))
        return f"{self.rules} rules, measures up to {self.newest:%Y-%m-%dT%H:%MZ}: all keep to them"

    def as_json(self) -> dict[str, object]:
        """Return the same for machines; hours are in ISO 8601."""
        breaches = [breach.as_json() for breach in self.breaches]
        return {"newest_hour": self.newest.isoformat(), "rules": self.rules, "breaches": breaches}

    def refuse_breaches(self) -> None:
        """Raise QualityError if there's any breach."""
        if self.breaches:
            more = len(self.breaches) - 1
            raise QualityError(f"{self.breaches[0]}{f' (and {more:,} more)' if more else ''}")


def check_quality(
    spark: SparkSession,
    settings: Settings,
    rules: Sequence[Rule],
    *,
    hours: int | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> QualityCheck:
    """Hold the newest measures in quality/metrics to `rules`, as `thresholds.find_breaches` does. Only read.

    Raise UserError if there are no measures.
    """
    root = settings.lake.root
    newest = None
    if tables.exists(spark, root, layout.METRICS):
        metrics = tables.read(spark, root, layout.METRICS)
        # Delta's log alone knows the newest date.
        date = metrics.agg(F.max("date")).collect()[0][0]
        of_date = metrics.where(F.col("date") == F.lit(date)) if date else metrics.limit(0)
        newest = of_date.agg(F.unix_seconds(F.max("hour"))).collect()[0][0]
    if newest is None:
        raise UserError(f"lake.root = {root!r} has no measures in {layout.METRICS.name}: run build_staging first")
    newest_hour = datetime.fromtimestamp(newest, UTC)
    since = newest_hour - timedelta(hours=thresholds.hours_of(rules, hours) - 1)
    rows = (
        metrics.where((F.col("date") >= F.lit(since.date())) & (F.col("hour") >= F.lit(since)))
        .where(F.col("measure").isin(*sorted(thresholds.measures_of(rules))))
        .select("measure", "event_type", "subject", F.unix_seconds("hour").alias("hour"), "value", "detail")
    )
    recent = [Metric(**{**row.asDict(), "hour": datetime.fromtimestamp(row.hour, UTC)}) for row in rows.collect()]
    return QualityCheck(newest_hour, len(rules), thresholds.find_breaches(rules, recent, now(), hours=hours))
