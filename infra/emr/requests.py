"""Make the requests to EMR Serverless. Pure.

Sources: EMR Serverless API reference, StartJobRun and CancelJobRun; EMR Serverless User Guide, "Using Python libraries"
(archives are unpacked where driver and executors run), "Using Delta Lake OSS", "Job resiliency", "Storing logs".
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from event_lake.config.parsing import unusable
from infra.emr.deployment import Deployment

# The release brings these. Its default Python may be another, but the libraries' compiled parts are for this one.
_PYTHON = "/usr/bin/python3.11"
_DELTA = ",".join(f"/usr/share/aws/delta/lib/delta-{jar}.jar" for jar in ("spark", "storage"))
_LIBRARIES = "site_packages"


@dataclass(frozen=True, kw_only=True)
class Uploaded:
    """The URIs in S3 of what a job run needs: the job's file, the package, its libraries, the folder of settings."""

    entry_point: str
    package: str
    libraries: str
    conf: str


@dataclass(frozen=True, kw_only=True)
class Run:
    """A job run: `job` is a command of event-lake, `flags` are its flags, `run_id` is the run's name for all attempts.

    The outcome of each attempt has this name in the lake, too. EMR Serverless starts no second run with the same
    `run_id`, so a request may be repeated if its answer was lost. Raise ConfigError for one that it doesn't take.
    """

    job: str
    flags: tuple[str, ...]
    run_id: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[\w.-]{1,64}", self.run_id, re.ASCII):
            raise unusable("--run-id", self.run_id, "it has 1 to 64 of letters, digits, '_', '.' and '-'")

    @property
    def is_streaming(self) -> bool:
        """True if the run ends only when it's cancelled or fails, so that EMR Serverless should start it again."""
        return self.job == "ingest-raw" and "--until-caught-up" not in self.flags


def start_request(deployment: Deployment, run: Run, uploaded: Uploaded) -> dict[str, Any]:
    """Return the arguments of `start_job_run` that start `run`."""
    defaults = {"classification": "spark-defaults", "properties": dict(deployment.spark)}
    overrides = {
        # Here, unlike in sparkSubmitParameters, a value may have blanks.
        "applicationConfiguration": [defaults] if deployment.spark else [],
        "monitoringConfiguration": _monitoring(deployment, run),
    }
    return {
        "applicationId": deployment.application_id,
        "clientToken": run.run_id,
        "executionRoleArn": deployment.execution_role_arn,
        "name": run.run_id,
        "jobDriver": {
            "sparkSubmit": {
                "entryPoint": uploaded.entry_point,
                "entryPointArguments": [*run.flags, "--run-id", run.run_id],
                "sparkSubmitParameters": _spark_submit_parameters(deployment, uploaded),
            }
        },
        "configurationOverrides": {key: value for key, value in overrides.items() if value},
        "tags": {**deployment.tags, "event-lake:job": run.job, "event-lake:run-id": run.run_id},
        **_repetition(deployment, run),
    }


def cancel_request(deployment: Deployment, job_run_id: str, grace_seconds: int) -> dict[str, Any]:
    """Return the arguments of `cancel_job_run`, which ends a run by force after `grace_seconds` of asking it to end."""
    return {
        "applicationId": deployment.application_id,
        "jobRunId": job_run_id,
        "shutdownGracePeriodInSeconds": grace_seconds,
    }


def _repetition(deployment: Deployment, run: Run) -> dict[str, Any]:
    if not run.is_streaming:
        return {"mode": "BATCH", "retryPolicy": {"maxAttempts": 1}}
    retries = {"maxFailedAttemptsPerHour": deployment.max_failed_attempts_per_hour}
    # 0 is no timeout: the default of job runs is 12 hours.
    return {"mode": "STREAMING", "retryPolicy": retries, "executionTimeoutMinutes": 0}


def _spark_submit_parameters(deployment: Deployment, uploaded: Uploaded) -> str:
    driver = {
        "PYSPARK_PYTHON": _PYTHON,
        "PYSPARK_DRIVER_PYTHON": _PYTHON,
        "PYTHONPATH": f"./{_LIBRARIES}",
        # boto3 reads no other variable for the region.
        "AWS_DEFAULT_REGION": deployment.region,
    }
    executors = {key: value for key, value in driver.items() if key != "PYSPARK_DRIVER_PYTHON"}
    archives = f"{uploaded.libraries}#{_LIBRARIES},{uploaded.conf}#{deployment.conf}"
    settings = {
        **{f"spark.emr-serverless.driverEnv.{key}": value for key, value in driver.items()},
        **{f"spark.executorEnv.{key}": value for key, value in executors.items()},
        "spark.jars": _DELTA,
    }
    words = ["--py-files", uploaded.package, "--archives", archives]
    words += [word for key, value in settings.items() for word in ("--conf", f"{key}={value}")]
    return " ".join(words)


def _monitoring(deployment: Deployment, run: Run) -> Mapping[str, Any]:
    monitoring: dict[str, Any] = {}
    if deployment.logs_uri:
        monitoring["s3MonitoringConfiguration"] = {"logUri": deployment.logs_uri}
    if deployment.log_group:
        monitoring["cloudWatchLoggingConfiguration"] = {
            "enabled": True,
            "logGroupName": deployment.log_group,
            "logStreamNamePrefix": run.job,
            "logTypes": {"SPARK_DRIVER": ["STDOUT", "STDERR"]},
        }
    return monitoring
