"""The log of build_staging's steps in its checkpoint."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from event_lake.errors import UserError
from event_lake.lake.checkpoints import Checkpoint
from event_lake.staging.step_log import Step, StepLog

CLOCK = datetime(2026, 11, 20, 12, 0, 0, 250_000, UTC)
WHOLE = Step(number=0, first=3, last=7, clock=CLOCK)
PART = Step(
    number=1, first=8, last=8, clock=CLOCK, again_until=7, behind=(date(2026, 11, 20), "a/b"), upto=(CLOCK.date(), "é")
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "checkpoint"


@pytest.fixture
def log(spark: SparkSession, folder: Path) -> StepLog:
    return StepLog(Checkpoint(spark, str(folder)))


def test_the_newest_step_is_read_back_and_whether_it_is_done(log: StepLog) -> None:
    assert log.newest() is None
    for step in (WHOLE, PART):
        log.begin(step)
        assert (log.newest(), log.is_done(step)) == (step, False)
        log.end(step)
        assert (log.newest(), log.is_done(step)) == (step, True)


def test_a_step_that_is_begun_again_stays_as_it_was_noted(log: StepLog) -> None:
    log.begin(WHOLE)
    log.begin(WHOLE)
    assert log.newest() == WHOLE


def test_steps_of_long_ago_are_forgotten(log: StepLog, folder: Path) -> None:
    for number in range(103):
        step = Step(number=number, first=number, last=number, clock=CLOCK)
        log.begin(step)
        log.end(step)
    kept = {file.name for name in ("steps", "done") for file in (folder / name).glob("[0-9]*")}
    assert kept == {str(number) for number in range(3, 103)}


def test_a_step_of_a_newer_version_is_not_called_damaged(log: StepLog, folder: Path) -> None:
    log.begin(WHOLE)
    (folder / "steps" / "0").write_text('{"format": 2}')
    (folder / "steps" / ".0.crc").unlink(missing_ok=True)
    with pytest.raises(UserError, match=r"steps/0 was written by a newer Event Lake: it has format 2"):
        log.newest()


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"clock":"noon","behind":null,"upto":null}'])
def test_a_step_that_cannot_be_read_is_told_with_the_way_out(log: StepLog, folder: Path, text: str) -> None:
    log.begin(WHOLE)
    (folder / "steps" / "0").write_text(text)
    (folder / "steps" / ".0.crc").unlink(missing_ok=True)
    with pytest.raises(UserError, match=r"steps/0 isn't what was written; put that folder aside"):
        log.newest()
