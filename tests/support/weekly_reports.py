"""Make the report of a week of a busy lake, with an outage, a bad deployment, and a type that ends."""

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from event_lake.report.contents import (
    Accepted,
    ArrivalCount,
    Change,
    Count,
    Files,
    Ingested,
    Measured,
    Refusal,
    Report,
    Span,
    Violation,
)
from event_lake.report.masking import MOST_READ, make_example

NOW = datetime(2026, 11, 21, 22, 17, tzinfo=UTC)
HOSTILE = "</script><script>document.title='owned'</script><img src=x onerror=alert(1)>&\u2028"
_LAST = datetime(2026, 11, 21, 22, tzinfo=UTC)
_BEGIN = _LAST - timedelta(days=7)
_TYPES = [
    *("page_view", "click", "lesson", "login", "purchase", "cart", "search", "ad", "video", "quiz"),
    *("booking", "permission", "signup", "refund", "coupon", "comment", "rating", "share", "follow", "install"),
]
_RECORDS = {
    "not_json": b'{"event_uuid":"5b2c1b5e-0d7c-4a8e-9a57-0b1ac0f5a0f1","event_name":"page_view:home",'
    b'"created_at":1763720000.5,"user":{"email":"anna@example.com"},"note":"<script>alert(1)</script>"',
    "wrong_type_created_at": b'{"event_uuid":"5b2c1b5e-0d7c-4a8e","event_name":"login:ok","created_at":"soon"}',
    "missing_event_uuid": b'{"event_name":"login:ok","created_at":1763720000}',
    "not_utf8": b'\xff\xfe\x00{"event_uuid":"M\xfcller"}',
    "too_large": b'{"event_uuid":"x","event_name":"a:b","created_at":1,"blob":"' + b"QUJD" * 3_000_000,
    "created_at_in_future": b'{"event_uuid":"5b2c","event_name":"ad:shown","created_at":32472144000}',
    "not_json_at_all": b"",
}
_MB = 1_000_000


def a_report(**changes: Any) -> Report:
    """Return the report of the week, with some fields changed."""
    ingested = [_hour(index) for index in range(7 * 24 + 1)]
    raw = sum(hour.raw for hour in ingested)
    quarantined = sum(hour.quarantined for hour in ingested)
    last_batch = _LAST + timedelta(minutes=14)
    report = Report(
        generated_at=NOW,
        lake="s3://company-lake/events",
        span=Span(begin=_BEGIN, end=last_batch, unit="hour", newest_batch=last_batch),
        ingested=ingested,
        accepted=_accepted(ingested, raw),
        quarantined=quarantined,
        refusals=[
            Refusal(reason, quarantined * part // 100, make_example(data[:MOST_READ], len(data)))
            for (reason, data), part in zip(_RECORDS.items(), (41, 22, 15, 9, 6, 5, 2), strict=True)
        ],
        staged=raw - 1_204,
        conflicts=[Count("purchase", 311), Count("cart", 42), Count("ad", 3)],
        violations=[
            Violation("purchase", "price", "null, but required", 1_204),
            Violation("lesson", "score", "not one of its values", 311),
        ],
        changes=[
            _change("changed_field", "purchase", "price", hours=14, peak=0.31, more="string; expected number"),
            _change("vanished_field", "lesson", "teacher_id", hours=120, peak=0.98, more=None),
            _change("new_field", "click", "9f8e7d6c5b4a-4711", hours=22, peak=0.004, more="string"),
            _change("unusual_events", "quiz", None, hours=47, peak=-9.4, more=None),
        ],
        measured=[
            Measured(measure="completeness", subject="event_uuid", lowest=0.992, highest=1, newest=0.9994),
            Measured(measure="lateness", subject="p95", lowest=31, highest=61, newest=48),
            Measured(measure="unusual_events", subject=None, lowest=-11.3, highest=6.1, newest=0.4),
            Measured(measure="valid_format", subject="created_at", lowest=0.9958, highest=1, newest=0.9996),
        ],
        files=[
            _files("raw/events", 48_213, 612_000, (310, 8_200, 6_100, 900, 420, 12, 0), 1.4),
            _files("raw/quarantine", 1_410, 420, (900, 500, 10, 0, 0, 0, 0), 0.08),
            _files("raw/ledger", 10_080, 96, (10_080, 0, 0, 0, 0, 0, 0), 0.0096),
            _files("staging/events", 3_410, 498_000, (0, 12, 310, 610, 1_890, 80, 0), 61),
        ],
    )
    return replace(report, **changes)


def _change(measure: str, event_type: str, subject: str | None, *, hours: int, peak: float, more: str | None) -> Change:
    first = _LAST - timedelta(hours=hours)
    return Change(
        measure=measure, event_type=event_type, subject=subject, first=first, hours=hours, peak=peak, detail=more
    )


def _hour(index: int) -> Ingested:
    begin = _BEGIN + timedelta(hours=index)
    is_outage, is_after, is_bad = 98 <= index < 101, index == 101, 130 <= index < 136
    busy = 0.55 - 0.45 * math.cos((begin.hour - 3) / 12 * math.pi)
    raw = 0 if is_outage else int(900_000 * busy * (1 + 0.04 * math.sin(index * 1.7)) * (3.7 if is_after else 1))
    duplicates = int(raw * (0.011 + 0.003 * math.sin(index * 2.3)) * (5 if is_after else 1))
    quarantined = int(raw * (0.003 + 0.001 * math.sin(index * 3.1)) * (12 if is_bad else 1))
    lag = 9_400_000 if is_after else int(30_000 + 26_000 * math.sin(index * 1.3))
    return Ingested(
        begin=begin,
        read=raw + duplicates + quarantined,
        raw=raw,
        duplicates=duplicates,
        quarantined=quarantined,
        lag_ms=None if is_outage else lag,
    )


def _accepted(ingested: list[Ingested], raw: int) -> Accepted:
    parts = [0.27 / (rank + 1) ** 1.1 for rank in range(len(_TYPES))]
    types = [Count(name, int(raw * part)) for name, part in zip(_TYPES, parts, strict=True)]
    arrivals = [
        ArrivalCount(name, hour.begin, int(hour.raw * part * (1 + 0.1 * math.sin(index * rank))))
        for rank, (name, part) in enumerate(zip(_TYPES[:15], parts, strict=False))
        for index, hour in enumerate(ingested)
        if hour.raw and not (name == "quiz" and index > 120)
    ]
    lateness = [int(raw * part) for part in (0.001, 0.41, 0.38, 0.12, 0.04, 0.02, 0.015, 0.008, 0.005, 0.001)]
    return Accepted(
        rows=raw,
        types=types,
        others=raw - sum(count.count for count in types),
        other_types=80,
        arrivals=arrivals,
        lateness=lateness,
        percentiles=[2.4, 48, 3_900, 2_100_000],
        newest_arrival=_LAST + timedelta(minutes=13, seconds=20),
    )


def _files(table: str, files: int, megabytes: int, sizes: tuple[int, ...], median: float) -> Files:
    return Files(table=table, files=files, bytes=megabytes * _MB, sizes=sizes, median=int(median * _MB))
