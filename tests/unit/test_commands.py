"""One command for all jobs, and a file for spark-submit of each."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from event_lake.__main__ import COMMANDS, main, run_task
from support.emulators import Stream

MODULES = {name: name.replace("-", "_") for name in COMMANDS}


def files_in(folder: str) -> set[str]:
    return {path.stem for path in Path(folder).glob("*.py") if path.stem != "__init__"}


def test_each_command_has_its_module_and_its_file_for_spark_submit() -> None:
    assert files_in("lib/event_lake/commands") == set(MODULES.values()) == files_in("jobs")


@pytest.mark.parametrize(("command", "module"), MODULES.items())
def test_what_the_list_says_of_a_command_is_what_its_help_begins_with(command: str, module: str) -> None:
    documentation = import_module(f"event_lake.commands.{module}").__doc__
    assert documentation
    assert documentation.splitlines()[0] == COMMANDS[command]


@pytest.mark.parametrize(("command", "module"), MODULES.items())
def test_a_job_complains_in_its_own_name(command: str, module: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command])
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith(f"event-lake {command}: ")
    done = subprocess.run([sys.executable, f"jobs/{module}.py"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith(f"{module}.py: ")


def test_a_command_that_is_not_there_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["ingest"])
    assert ended.value.code == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("event-lake: argument command: invalid choice: 'ingest' (choose from ")


def test_help_lists_the_commands_and_needs_no_spark() -> None:
    code = "import sys, event_lake.__main__ as m\ntry: m.main(['-h'])\nfinally: assert 'pyspark' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert all(f"  {name} " in done.stdout for name in COMMANDS)


def test_a_task_that_fails_raises_its_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run_task(["check-quality", "--config", "gone.toml"])
    assert ended.value.code == 2
    assert "gone.toml" in capsys.readouterr().err


def test_a_task_that_succeeds_raises_nothing(stream: Stream, root: str) -> None:
    """To Databricks even SystemExit(0) is a failure."""
    code = "import sys\nfrom event_lake.__main__ import run_task\nrun_task()\nprint('returned')"
    flags = ["--config", "conf/local.toml", *stream.overrides(root), "--count", "1"]
    task = [sys.executable, "-c", code, "generate-events", *flags]
    done = subprocess.run(task, capture_output=True, text=True, check=True)
    assert done.stdout.endswith("returned\n")
