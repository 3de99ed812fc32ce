"""The bundle of databricks.yml, with values for its variables."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

FILE = Path("databricks.yml")


def read_bundle() -> dict[str, Any]:
    """Return the bundle as it is written."""
    bundle: dict[str, Any] = yaml.safe_load(FILE.read_text("utf-8"))
    return bundle


def variables_in(text: str) -> set[str]:
    """Return the names of the variables that a text refers to."""
    return set(re.findall(r"\$\{var\.(\w+)\}", text))


def tasks_of(bundle: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tasks of all jobs by their keys."""
    return {task["task_key"]: task for job in bundle["resources"]["jobs"].values() for task in job["tasks"]}


def parameters_of(task: Mapping[str, Any], values: Mapping[str, str]) -> Sequence[str]:
    """Return a wheel task's parameters. `values` are those of what stands in "${…}"; the bundle's files are here."""
    known = {"workspace.file_path": str(Path.cwd()), **values}
    parameters = task["python_wheel_task"]["parameters"]
    return [re.sub(r"\$\{([\w.]+)\}", lambda found: known[found[1]], parameter) for parameter in parameters]
