import logging
from argparse import Namespace
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from event_lake import __version__
from event_lake.cli.jobs import JobParser, run_job, tell
from event_lake.config.settings import Settings
from event_lake.errors import (
    ConfigError,
    DataLossError,
    EventLakeError,
    ServiceUnavailableError,
    UserError,
)
from event_lake.lake.outcomes import RunNotes, outcomes

# What PySpark's StreamingQueryException says when the Kinesis source fails in a process of its own.
SPARK_SAYS = """[STREAM_FAILED] Query [id = 1, runId = 2] terminated: [PYTHON_DATA_SOURCE_ERROR] Failed
Traceback (most recent call last):
  File "pyspark/sql/streaming/python_streaming_source_runner.py", line 1, in latestOffset
    return self._planner.next_end(begin, self._target).to_json()
event_lake.errors.DataLossError: read up to nine, but records expired
 SQLSTATE: 38000
"""


@dataclass
class Outcome:
    code: object
    out: str
    err: str


Run = Callable[..., Outcome]


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    root, ours = logging.getLogger(), logging.getLogger("event_lake")
    handlers, level = list(root.handlers), ours.level
    yield
    root.handlers[:] = handlers
    ours.setLevel(level)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Runs a job with a valid configuration; gives its exit code and what it printed."""
    config = tmp_path / "test.toml"
    config.write_text('[source]\nstream = "events"\n[lake]\nroot = "lake"\n', "utf-8")

    def outcome(
        job: Callable[[Namespace, Settings, RunNotes], int], *argv: str, parser: JobParser | None = None
    ) -> Outcome:
        parser = parser or JobParser("A job for a test.")
        parser.prog = "job.py"
        try:
            code: object = run_job(parser, argv or ["--config", str(config)], job)
        except SystemExit as ended:
            code = ended.code
        return Outcome(code, *capsys.readouterr())

    return outcome


def raising(error: BaseException) -> Callable[[Namespace, Settings, RunNotes], int]:
    def job(_: Namespace, __: Settings, ___: RunNotes) -> int:
        raise error

    return job


def unreached(_: Namespace, __: Settings, ___: RunNotes) -> int:
    raise AssertionError("the job ran")


def test_a_job_gets_its_flags_and_settings_and_returns_its_own_exit_code(run: Run) -> None:
    got: list[object] = []

    def job(args: Namespace, settings: Settings, _: RunNotes) -> int:
        got.extend([args.fast, settings.source.stream])
        return 7

    parser = JobParser(None)
    parser.add_argument("--fast", action="store_true")
    config = str(Path(__file__).parents[2] / "conf/prod.toml")
    outcome = run(
        job,
        "--config",
        config,
        "--fast",
        "--set",
        "source.stream=a",
        "--set",
        "source.stream=b",
        parser=parser,
    )
    assert (outcome, got) == (Outcome(7, "", ""), [True, "b"])


@pytest.mark.parametrize(
    ("error", "code"),
    [(EventLakeError, 1), (UserError, 2), (ConfigError, 2), (DataLossError, 3), (ServiceUnavailableError, 4)],
)
def test_an_error_of_ours_is_one_line_and_its_exit_code(run: Run, error: type[EventLakeError], code: int) -> None:
    assert run(raising(error("what and how"))) == Outcome(code, "", f"job.py: {error.__name__}: what and how\n")


def test_an_error_of_ours_inside_sparks_text_is_one_line_all_the_same(run: Run) -> None:
    assert run(raising(RuntimeError(SPARK_SAYS))) == Outcome(
        3, "", "job.py: DataLossError: read up to nine, but records expired\n"
    )


def test_an_error_without_explanation_keeps_its_traceback(run: Run) -> None:
    with pytest.raises(ZeroDivisionError, match="by zero"):
        run(raising(ZeroDivisionError("by zero")))


def test_ctrl_c_is_one_line_and_130(run: Run) -> None:
    assert run(raising(KeyboardInterrupt())) == Outcome(130, "", "job.py: stopped\n")


def test_a_wrong_setting_ends_the_job_before_it_begins(run: Run) -> None:
    config = str(Path(__file__).parents[2] / "conf/prod.toml")
    assert run(unreached, "--config", config, "--set", "raw.dedup_windw=1 hour") == Outcome(
        2, "", "job.py: ConfigError: unknown key raw.dedup_windw; did you mean raw.dedup_window?\n"
    )


@pytest.mark.parametrize(
    ("argv", "complaint"),
    [
        (["--config", "any", "--fsat"], "unrecognized arguments: --fsat"),
        (["--set", "a.b=c"], "the following arguments are required: --config"),
        (["--config"], "argument --config: expected one argument"),
    ],
)
def test_a_flag_that_cannot_be_used_is_one_line_and_2(run: Run, argv: list[str], complaint: str) -> None:
    assert run(unreached, *argv) == Outcome(2, "", f"job.py: {complaint} (--help shows the flags)\n")


def test_the_version_is_the_packages(run: Run) -> None:
    assert run(unreached, "--version") == Outcome(0, f"event-lake {__version__}\n", "")


def test_help_explains_the_job_and_every_flag(run: Run) -> None:
    outcome = run(unreached, "--help")
    assert (outcome.code, outcome.err) == (0, "")
    assert all(
        words in outcome.out for words in ("A job for a test.", "--config FILE", "--set SECTION.KEY=VALUE", "--version")
    )


def kept(root: str, *flags: str, job: Callable[[Namespace, Settings, RunNotes], int], run: Run) -> tuple[object, ...]:
    """What the lake keeps of a run: its id, exit code and last line."""
    Path(root).mkdir()
    config = str(Path(__file__).parents[2] / "conf/local.toml")
    parser = JobParser("A job for a test.", job="reconcile")
    run(job, "--config", config, "--set", f"lake.root={root}", *flags, parser=parser)
    [outcome] = outcomes(root, "reconcile")
    return outcome.run_id, outcome.exit_code, outcome.last_line


def test_a_job_keeps_its_outcome_in_the_lake_with_the_last_line_that_it_told(run: Run, root: str) -> None:
    def job(_: Namespace, __: Settings, notes: RunNotes) -> int:
        tell(notes, "a table\nand all is well")
        return 0

    assert kept(root, "--run-id", "scheduled__2026-11-29T00:00:00+00:00", job=job, run=run) == (
        "scheduled__2026-11-29T00:00:00+00:00",
        0,
        "and all is well",
    )


def test_a_job_that_prints_json_keeps_the_line_that_people_would_read(run: Run, root: str) -> None:
    def job(_: Namespace, __: Settings, notes: RunNotes) -> int:
        tell(notes, "a table\nand all is well", as_json={"faults": []})
        return 0

    assert kept(root, job=job, run=run)[1:] == (0, "and all is well")


def test_a_job_that_fails_keeps_its_error(run: Run, root: str) -> None:
    assert kept(root, job=raising(DataLossError("what and how")), run=run)[1:] == (3, "DataLossError: what and how")


@pytest.mark.parametrize("given", ["", "a\nb", "a" * 251])
def test_a_run_id_that_cannot_be_used_is_one_line(run: Run, given: str) -> None:
    parser = JobParser(None, job="reconcile")
    outcome = run(unreached, "--config", "any", "--run-id", given, parser=parser)
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert "isn't 1 to 250 printable characters" in outcome.err
