"""Log lines for people and for machines."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import TextIO

import pytest

from event_lake.config.settings import Lake, Progress, Settings, Source
from event_lake.lake.ledger import Totals
from event_lake.progress.live import LiveReporter
from event_lake.progress.log import FIELDS, JsonFormatter, make_formatter
from event_lake.progress.metrics import MetricsReporter
from event_lake.progress.reporter import BATCH_FIELDS, LogReporter, lag_text
from event_lake.progress.reporting import open_reporters
from support.batch_reports import a_report
from support.terminals import a_terminal

REPORT = a_report(totals=Totals(read=1010, raw=1000, quarantined=3, duplicates=7), dropped=7, received=1010, lag_ms=800)


@pytest.fixture
def log() -> Iterator[StringIO]:
    """What our loggers write, by a formatter that a test may replace."""
    written = StringIO()
    handler, logger = logging.StreamHandler(written), logging.getLogger("event_lake")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    handler.setFormatter(JsonFormatter())
    yield written
    logger.removeHandler(handler)
    logger.setLevel(level)


@pytest.fixture
def terminal() -> Iterator[TextIO]:
    with a_terminal() as made:
        yield made.file


def test_a_batch_is_one_json_object_with_the_documented_fields(log: StringIO) -> None:
    LogReporter("events").finished(REPORT)
    line = json.loads(log.getvalue())
    assert log.getvalue().count("\n") == 1
    assert line.pop("time")[-6:] == "+00:00"
    assert line == {
        "level": "INFO",
        "event": "batch",
        "message": "batch 5: 1,010 records read = 1,000 raw + 7 duplicates + 3 quarantined, 2.0 s, lag 0.8 s",
        "logger": "event_lake.progress.reporter",
        "stream": "events",
        "batch": 5,
        "began": "2026-11-21T15:50:22.250+00:00",
        "ended": "2026-11-21T15:50:24.250+00:00",
        "seconds": 2.0,
        "planning_seconds": 0.0,
        "writing_seconds": 0.0,
        "read": 1010,
        "raw": 1000,
        "quarantined": 3,
        "duplicates": 7,
        "known": 0,
        "dropped": 7,
        "imbalance": 0,
        "late": 0,
        "events_per_second": 505.0,
        "received": 1010,
        "shards": 0,
        "records": 0,
        "bytes": 0,
        "calls": 0,
        "throttled": 0,
        "holes": 0,
        "lag_ms": 800,
        "state_rows_added": 0,
        "state_rows_removed": 0,
        "state_memory_bytes": 0,
        "state_disk_bytes": 0,
    }


def test_each_field_of_a_line_is_explained(log: StringIO) -> None:
    LogReporter("events").finished(REPORT)
    logging.getLogger("event_lake").error("what", exc_info=ValueError("why"))
    batch, error = map(json.loads, log.getvalue().splitlines())
    assert set(batch) == (set(FIELDS) | set(BATCH_FIELDS)) - {"error"}
    assert set(error) == set(FIELDS)


def test_any_other_record_is_one_json_object_as_well(log: StringIO) -> None:
    logging.getLogger("event_lake.kinesis").warning("asking again in %.1f s:\n%s", 0.5, "why")
    line = json.loads(log.getvalue())
    line.pop("time")
    assert (log.getvalue().count("\n"), line) == (
        1,
        {
            "level": "WARNING",
            "event": "log",
            "message": "asking again in 0.5 s:\nwhy",
            "logger": "event_lake.kinesis",
        },
    )


def test_an_exceptions_traceback_is_in_its_line(log: StringIO) -> None:
    logging.getLogger("event_lake").error("what", exc_info=ValueError("why"))
    line = json.loads(log.getvalue())
    assert (line["message"], line["error"].splitlines()[-1]) == ("what", "ValueError: why")


def test_what_is_not_known_of_a_batch_is_null(log: StringIO) -> None:
    LogReporter("events").finished(a_report(dropped=None))
    line = json.loads(log.getvalue())
    assert [line[name] for name in ("dropped", "imbalance", "lag_ms")] == [None] * 3
    assert "lag" not in line["message"]


@pytest.mark.parametrize(
    ("lag_ms", "text"), [(0, "0.0 s"), (59_940, "59.9 s"), (61_000, "0:01:01"), (90_061_999, "1 day, 1:01:01")]
)
def test_a_lag_is_seconds_and_from_a_minute_on_hours_and_minutes(lag_ms: int, text: str) -> None:
    assert lag_text(lag_ms) == text


def test_lines_are_json_where_asked_and_where_nobody_watches(terminal) -> None:
    made = {
        (name, stream is terminal): isinstance(make_formatter(name, stream), JsonFormatter)
        for name in ("auto", "text", "json")
        for stream in (terminal, StringIO())
    }
    assert made == {
        ("auto", True): False,
        ("auto", False): True,
        ("text", True): False,
        ("text", False): False,
        ("json", True): True,
        ("json", False): True,
    }


def settings(**progress: str) -> Settings:
    return Settings(
        source=Source(stream="events", region="us-east-1"), lake=Lake(root="lake"), progress=Progress(**progress)
    )


def test_who_is_told_follows_the_settings_and_the_terminal(terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")

    def reporters(stream, **progress: str) -> list[type]:
        with open_reporters(settings(**progress), stream) as reporters:
            return [type(reporter) for reporter in reporters]

    assert reporters(terminal) == [LiveReporter]
    assert reporters(terminal, log="text") == [LogReporter]
    assert reporters(StringIO()) == [LogReporter]
    assert reporters(StringIO(), cloudwatch_namespace="EventLake") == [LogReporter, MetricsReporter]


_WHO_IS_TOLD = """
import sys
from event_lake.config.settings import Lake, Settings, Source
from event_lake.progress.reporter import no_bar
from event_lake.progress.reporting import bar_on, open_reporters

settings = Settings(source=Source(stream="events", region="us-east-1"), lake=Lake(root="lake"))
with open_reporters(settings, sys.stderr) as [reporter]:
    print(type(reporter).__name__, "no bar" if bar_on(settings, sys.stderr) is no_bar else "a bar")
"""


def who_is_told(stderr: TextIO | int, **environment: str) -> str:
    command = [sys.executable, "-c", _WHO_IS_TOLD]
    made = {"PYTHONPATH": "lib", "TERM": "xterm"} | environment
    return subprocess.run(
        command, env=os.environ | made, stdout=subprocess.PIPE, stderr=stderr, text=True, check=True
    ).stdout


def test_a_live_line_is_for_terminals_that_rich_can_draw_on(terminal) -> None:
    assert who_is_told(terminal) == "LiveReporter a bar\n"
    assert who_is_told(terminal, TERM="dumb") == "LogReporter no bar\n"
    assert who_is_told(subprocess.PIPE, FORCE_COLOR="1") == "LogReporter no bar\n"


def test_without_rich_the_log_is_told(terminal, tmp_path: Path) -> None:
    (tmp_path / "rich.py").write_text("raise ModuleNotFoundError(\"No module named 'rich'\", name='rich')\n")
    assert who_is_told(terminal, PYTHONPATH=f"{tmp_path}:lib") == "LogReporter no bar\n"
