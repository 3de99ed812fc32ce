"""The file of thresholds, and the measures that break them. Pure but for reading the file."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from event_lake.config.parsing import nearest, unusable
from event_lake.config.toml import name_in_errors, read_table, read_toml
from event_lake.errors import ConfigError
from event_lake.lake.untrusted import format_field, format_name, make_printable
from event_lake.quality.catalogue import MEASURES
from event_lake.quality.measures.timeliness import FRESHNESS, NEWEST_ARRIVAL
from event_lake.quality.measures.volume import EVENTS
from event_lake.quality.metric import Metric

# The newest hour, in which events are still to come, and the one before.
USUAL_HOURS = 2
MOST_HOURS = 24 * 31
ANY = "*"
_BOUNDS = ("min", "max", "absolute")


@dataclass(frozen=True, kw_only=True)
class Rule:
    """The bounds that a measure's values must keep to, in the newest `hours`.

    `absolute` is the most that a value may be above 0 or below. `event_type` and `subject` say which rows the rule is
    about: those of exactly this one, of any one ("*"), or those that have none (None). Hours with fewer than
    `min_events` events of the row's type, or of all types for a row without one, aren't looked at.
    """

    measure: str = ""
    event_type: str | None = None
    subject: str | None = None
    min: float | None = None
    max: float | None = None
    absolute: float | None = None
    hours: int | None = None
    min_events: int = 0

    def __post_init__(self) -> None:
        measure = MEASURES.get(self.measure)
        if not self.measure:
            raise ConfigError(f"no measure; set one of {', '.join(MEASURES)}")
        if measure is None:
            raise unusable("measure", self.measure, f"there's no such measure; {nearest(self.measure, MEASURES)}")
        if all(getattr(self, name) is None for name in _BOUNDS):
            raise ConfigError(f"no bound; set one of {', '.join(_BOUNDS)}")
        if self.event_type is None and not measure.of_all:
            raise ConfigError(f'{self.measure} is measured by type; set event_type = "*", or one')
        if self.event_type is not None and not measure.of_types:
            raise unusable("event_type", self.event_type, f"{self.measure} is of all types together; leave it out")
        if self.subject is None and measure.subject and not measure.is_also_whole:
            raise ConfigError(f'{self.measure} has a subject ({measure.subject}); set subject = "*", or one')
        if self.subject is not None and not measure.subject:
            raise unusable("subject", self.subject, f"{self.measure} has none; leave it out")
        self._check_values()

    def _check_values(self) -> None:
        for key in ("event_type", "subject"):
            if getattr(self, key) == "":
                raise unusable(key, "", 'not a name; write it like "payment"')
        if self.hours is not None and not 1 <= self.hours <= MOST_HOURS:
            raise unusable("hours", self.hours, f"must be 1 to {MOST_HOURS} whole hours")
        if self.min_events < 0:
            raise unusable("min_events", self.min_events, "must be 0 or more events")
        if self.absolute is not None and self.absolute < 0:
            raise unusable("absolute", self.absolute, "must be 0 or more; it bounds values below 0, too")

    def is_of(self, metric: Metric) -> bool:
        """Return True if the rule is about the measure, type and subject of `metric`."""
        return (
            metric.measure == self.measure
            and _matches(self.event_type, metric.event_type)
            and _matches(self.subject, metric.subject)
        )

    def bound_broken_by(self, value: float) -> str | None:
        """Return the bound that `value` breaks, like "max = 0.01"; None if it keeps to all."""
        if self.min is not None and value < self.min:
            return f"min = {self.min:g}"
        if self.max is not None and value > self.max:
            return f"max = {self.max:g}"
        if self.absolute is not None and abs(value) > self.absolute:
            return f"absolute = {self.absolute:g}"
        return None


@dataclass(frozen=True, kw_only=True)
class _File:
    rules: tuple[Rule, ...] = ()

    def __post_init__(self) -> None:
        if not self.rules:
            raise ConfigError("no rules; write [[rules]] and measure = … below, for each of them")


@dataclass(frozen=True)
class Breach:
    """A measure that breaks a bound.

    Its text shows producers' names as the report does: printable, cut, and masked where the name of a field may be an
    id. `as_json` has them as they are.
    """

    metric: Metric
    bound: str

    def __str__(self) -> str:
        m = self.metric
        event_type = format_name(m.event_type) if m.event_type else "all types"
        about = [m.measure, event_type, *([format_field(m.subject)] if m.subject else [])]
        detail = f" ({make_printable(m.detail)})" if m.detail else ""
        return f"{', '.join(about)}, {m.hour:%Y-%m-%dT%H:%MZ}: {m.value:g} breaks {self.bound}{detail}"

    def as_json(self) -> dict[str, object]:
        """Return the metric's fields, with the hour in ISO 8601, and the bound."""
        return {**vars(self.metric), "hour": self.metric.hour.isoformat(), "bound": self.bound}


def load_rules(path: str) -> tuple[Rule, ...]:
    """Return the `[[rules]]` of the TOML file. Raise ConfigError, with file, rule and remedy, for what can't be one."""
    table = read_toml(path, f"quality.thresholds = {path!r}", "conf/quality.toml")
    with name_in_errors(path):
        return read_table(_File, table).rules


def measures_of(rules: Iterable[Rule]) -> set[str]:
    """Return the measures in the table that `find_breaches` needs rows of."""
    named = {rule.measure for rule in rules}
    return (named - {FRESHNESS.name} | {NEWEST_ARRIVAL.name} if FRESHNESS.name in named else named) | {EVENTS.name}


def hours_of(rules: Iterable[Rule], hours: int | None) -> int:
    """Return how many of the newest hours `find_breaches` needs rows of; `hours` as there."""
    return max(rule.hours or hours or USUAL_HOURS for rule in rules)


def find_breaches(
    rules: Iterable[Rule], metrics: Sequence[Metric], now: datetime, *, hours: int | None = None
) -> list[Breach]:
    """Return the breaches of `rules` among `metrics`, in the order of the rules and, of each, the oldest hour first.

    `metrics` are rows of quality/metrics. A rule without `hours` of its own looks at the newest `hours` that were
    measured (None: `USUAL_HOURS`). Freshness is the age of the newest arrival at `now`. If a rule of `events` names a
    type that an hour has no row of, none came in that hour.
    """
    newest = max((metric.hour for metric in metrics), default=None)
    if newest is None:
        return []
    events = {(m.hour, m.event_type): m.value for m in metrics if m.measure == EVENTS.name}
    found: list[Breach] = []
    for rule in rules:
        since = newest - timedelta(hours=(rule.hours or hours or USUAL_HOURS) - 1)
        recent = [metric for metric in metrics if metric.hour >= since]
        candidates = [*_metrics_of(rule, recent, since, now)]
        for metric in sorted(candidates, key=lambda m: (m.hour, m.event_type or "", m.subject or "", m.detail or "")):
            bound = rule.bound_broken_by(metric.value)
            if bound and events.get((metric.hour, metric.event_type), 0) >= rule.min_events:
                found.append(Breach(metric, bound))
    return found


def _metrics_of(rule: Rule, recent: Collection[Metric], since: datetime, now: datetime) -> Iterator[Metric]:
    """Yield the metrics that the rule is about; also those without a row, as there was nothing to measure."""
    if rule.measure == FRESHNESS.name:
        yield from _ages(rule, recent, since, now)
        return
    yield from (metric for metric in recent if rule.is_of(metric))
    if rule.measure == EVENTS.name and rule.event_type not in (None, ANY):
        having = {metric.hour for metric in recent if rule.is_of(metric)}
        for hour in {metric.hour for metric in recent} - having:
            yield Metric(EVENTS.name, rule.event_type, None, hour, 0.0)


def _ages(rule: Rule, recent: Collection[Metric], since: datetime, now: datetime) -> Iterator[Metric]:
    arrivals: dict[str | None, float] = {}
    for metric in recent:
        if metric.measure == NEWEST_ARRIVAL.name and _matches(rule.event_type, metric.event_type):
            arrivals[metric.event_type] = max(metric.value, arrivals.get(metric.event_type, metric.value))
    if not arrivals and rule.event_type != ANY:
        age = (now - since).total_seconds()
        yield Metric(FRESHNESS.name, rule.event_type, None, since, age, "at least: nothing came in the hours looked at")
    for event_type, newest in arrivals.items():
        hour = datetime.fromtimestamp(newest // 3600 * 3600, now.tzinfo)
        yield Metric(FRESHNESS.name, event_type, None, hour, now.timestamp() - newest)


def _matches(wanted: str | None, value: str | None) -> bool:
    return value is not None if wanted == ANY else value == wanted
