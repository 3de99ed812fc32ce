"""databricks.yml: what it defines is valid to Databricks' own package, and is what our jobs take."""

import json
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from databricks.bundles.jobs import Job

from event_lake.config.files import load_settings
from event_lake.lake.session import PREFERRED
from support.bundles import FILE, parameters_of, read_bundle, tasks_of, variables_in
from support.documents import blocks_of

BUNDLE = read_bundle()
JOBS = BUNDLE["resources"]["jobs"]
TASKS = tasks_of(BUNDLE)
VALUES = {
    "var.stream": "clicks",
    "var.region": "eu-west-1",
    "var.lake": "s3://a-bucket/lake",
    "var.report": "/Volumes/main/ops/reports/event-lake.html",
}


@pytest.mark.parametrize("job", JOBS)
def test_a_job_is_one_that_databricks_knows_and_runs_once_at_a_time(job: str) -> None:
    assert Job.from_dict(JOBS[job]).max_concurrent_runs == 1


def test_databricks_package_knows_what_is_wrong() -> None:
    with pytest.raises(ValueError, match="Unexpected field 'max_concurrent_run'"):
        Job.from_dict({**JOBS["ingest"], "max_concurrent_run": 1})


def test_ingest_runs_on_and_on_and_the_others_one_after_the_other() -> None:
    assert "continuous" in JOBS["ingest"]
    assert JOBS["staging"]["schedule"]["timezone_id"] == "UTC"
    after = {task["task_key"]: [each["task_key"] for each in task.get("depends_on", [])] for task in TASKS.values()}
    assert after == {
        "ingest_raw": [],
        "build_staging": [],
        "check_quality": ["build_staging"],
        "quality_report": ["check_quality"],
    }
    # A job's result is that of its last tasks, so a failed check must keep the last one from running.
    assert not any("run_if" in task for task in TASKS.values())


@pytest.mark.parametrize("key", TASKS)
def test_a_tasks_parameters_are_flags_and_settings_of_its_job(key: str) -> None:
    command, *flags = parameters_of(TASKS[key], VALUES)
    assert command.replace("-", "_") == key
    args = import_module(f"event_lake.commands.{key}").make_parser().parse_args(flags)
    settings = load_settings(args.config, args.set)
    assert (settings.source.stream, settings.lake.root) == ("clicks", "s3://a-bucket/lake")


def test_every_task_calls_the_entry_point_that_raises_its_exit_code() -> None:
    points = Path("setup.py").read_text("utf-8")
    for task in TASKS.values():
        wheel = task["python_wheel_task"]
        assert (wheel["package_name"], wheel["entry_point"]) == ("event_lake", "task")
    assert '"task = event_lake.__main__:run_task"' in points


def test_the_report_gets_the_packages_that_it_needs_in_our_versions() -> None:
    packages = [library["pypi"]["package"] for library in TASKS["quality_report"]["libraries"] if "pypi" in library]
    assert {package.partition("==")[0] for package in packages} == {"altair", "vl-convert-python"}
    assert all(f'"{package}"' in Path("setup.py").read_text("utf-8") for package in packages)


def test_every_variable_is_declared_and_used() -> None:
    assert variables_in(FILE.read_text("utf-8")) == set(BUNDLE["variables"])


def test_the_how_to_gives_every_variable_that_has_no_value_yet() -> None:
    [block] = blocks_of(Path("docs/how-to/databricks.md"), "json")
    needed = {name for name, variable in BUNDLE["variables"].items() if variable.keys() == {"description"}}
    assert json.loads(block.text).keys() == needed


def clusters() -> list[dict[str, Any]]:
    return [cluster["new_cluster"] for job in JOBS.values() for cluster in job["job_clusters"]]


def test_spark_starts_with_what_a_running_one_does_not_take() -> None:
    for cluster in clusters():
        assert cluster["spark_conf"] == {key: PREFERRED[key] for key in PREFERRED if key.startswith("spark.hadoop.")}


def test_the_clusters_keep_to_the_policy() -> None:
    policy = json.loads(Path("infra/databricks/policy.json").read_text("utf-8"))
    assert policy.pop("cluster_type") == {"type": "fixed", "value": "job"}
    profile = "arn:aws:iam::123456789012:instance-profile/event-lake"
    for cluster in clusters():
        assert cluster["policy_id"] == "${var.policy}"
        values = {**cluster, "aws_attributes.instance_profile_arn": profile}
        assert all(allows(rule, values[key]) for key, rule in policy.items())
        assert not allows(policy["data_security_mode"], "USER_ISOLATION")


def allows(rule: dict[str, Any], value: Any) -> bool:
    """Whether a rule of a compute policy does, as far as ours has kinds of them."""
    match rule["type"]:
        case "fixed":
            return value == rule["value"]
        case "regex":
            return re.fullmatch(rule["pattern"], value) is not None
        case "range":
            return rule["minValue"] <= value <= rule["maxValue"]
    raise AssertionError(rule["type"])


def test_in_dev_nothing_starts_by_itself_and_prod_runs_as_a_service_principal() -> None:
    dev, prod = BUNDLE["targets"]["dev"], BUNDLE["targets"]["prod"]
    assert (dev["mode"], prod["mode"]) == ("development", "production")
    # Databricks pauses the triggers of a development target, unless they say otherwise.
    assert all("pause_status" not in JOBS[job].get(kind, {}) for job in JOBS for kind in ("continuous", "schedule"))
    assert prod["run_as"] == {"service_principal_name": "${var.principal}"}
