"""Make the generator's plan from its flags, and refuse flags that contradict each other."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from event_lake.config.parsing import parse_duration, parse_instant, unusable
from event_lake.errors import ConfigError
from event_lake.generator.events import Timeline

# The timeline's rate without --rate: about 1 M events an hour, like those of the product that we model.
_USUAL_RATE = 300.0
_USUAL_COUNT = 50_000
_LATEST = timedelta(hours=48)


@dataclass(frozen=True, kw_only=True)
class Flags:
    """The flags of a run; None stands for a flag that wasn't given."""

    count: int | None = None
    rate: float | None = None
    duration: str | None = None
    seed: int = 1
    first: int = 0
    started_at: str | None = None


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A run that puts events number `first` to `first + count - 1` of `timeline`; if `is_paced`, each at its time."""

    timeline: Timeline
    first: int
    count: int
    is_paced: bool

    def described(self) -> dict[str, object]:
        """Return the flags that repeat this run byte for byte, as JSON."""
        start = datetime.fromtimestamp(self.timeline.start_ms / 1000, UTC)
        return {
            "seed": self.timeline.seed,
            "started_at": start.isoformat(timespec="milliseconds"),
            "rate": self.timeline.rate,
            "first": self.first,
            "count": self.count,
        }


def make_plan(flags: Flags, *, now: datetime, max_age: timedelta) -> Plan:
    """Return the plan that `flags` ask for. Raises ConfigError if they contradict each other or can't be met.

    Without `started_at`, the first event is created now if events are put at their times; else the last event is.
    `max_age` is the lake's `raw.max_age`.
    """
    _check(flags)
    rate = flags.rate or _USUAL_RATE
    count = flags.count or _count_in(flags.duration, rate) or _USUAL_COUNT
    is_paced = flags.rate is not None
    # The number of the newest event that is put when the run begins, which must be created by now.
    newest = flags.first if is_paced else flags.first + count - 1
    start = _start(flags.started_at) or now - timedelta(seconds=newest / rate)
    plan = Plan(
        timeline=Timeline(seed=flags.seed, start_ms=round(start.timestamp() * 1000), rate=rate),
        first=flags.first,
        count=count,
        is_paced=is_paced,
    )
    if start + timedelta(seconds=newest / rate) > now:
        raise ConfigError("--started-at is too late: events would be put before they are created")
    oldest = start + timedelta(seconds=flags.first / rate)
    if oldest - _LATEST < now - max_age:
        raise ConfigError(
            f"the first event would be created {oldest:%Y-%m-%dT%H:%M:%SZ}, late ones up to 48 hours before;"
            f" raw.max_age ({max_age}) refuses some: begin later or set it higher"
        )
    return plan


def _check(flags: Flags) -> None:
    if flags.duration is not None and flags.rate is None:
        raise ConfigError("--duration needs --rate: how many events per second for that long")
    if flags.duration is not None and flags.count is not None:
        raise ConfigError("--duration and --count contradict each other: give one of them")
    if flags.first and flags.started_at is None:
        raise ConfigError("--first needs the --started-at of the run that it continues")
    if flags.count is not None and flags.count < 1:
        raise unusable("--count", flags.count, "must be 1 or more")
    if flags.first < 0:
        raise unusable("--first", flags.first, "must be 0 or more")
    if flags.rate is not None and not (flags.rate > 0 and math.isfinite(flags.rate)):
        raise unusable("--rate", flags.rate, "must be more than 0 events per second")


def _count_in(duration: str | None, rate: float) -> int | None:
    if duration is None:
        return None
    count = int(parse_duration("--duration", duration).total_seconds() * rate)
    if count < 1:
        raise unusable("--duration", duration, f"too short for one event at --rate {rate:g}")
    return count


def _start(text: str | None) -> datetime | None:
    try:
        return None if text is None else parse_instant(text)
    except ValueError:
        raise unusable("--started-at", text, 'not a time with its zone; write it like "2026-11-21T09:00:00Z"') from None
