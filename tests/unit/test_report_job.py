"""What the job says before it starts Spark."""

import os
import subprocess
import sys
from pathlib import Path


def _failed(out: Path, **environment: str) -> tuple[int, str]:
    command = [sys.executable, "jobs/quality_report.py", "--config", "conf/local.toml", "--out", str(out)]
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


def test_without_the_plotting_library_one_line_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "altair.py").write_text("raise ModuleNotFoundError(\"No module named 'altair'\", name='altair')\n")
    assert _failed(tmp_path / "report.html", PYTHONPATH=f"{tmp_path}:lib") == (
        2,
        "quality_report.py: UserError: the package altair isn't installed: pip install altair vl-convert-python\n",
    )


def test_a_folder_that_is_not_there_is_one_line_before_anything_is_counted(tmp_path: Path) -> None:
    out = tmp_path / "nowhere" / "report.html"
    line = f"quality_report.py: ConfigError: --out {out}: not a file in a folder that there is\n"
    assert _failed(out) == (2, line)
