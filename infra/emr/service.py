"""Call EMR Serverless."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3

from event_lake.aws.errors import Cause, Explainer, cause_of, text_of, translate_errors
from event_lake.errors import EventLakeError, UserError

_ENDED = {"SUCCESS", "FAILED", "CANCELLED"}


@dataclass(frozen=True, kw_only=True)
class Status:
    """What EMR Serverless says of a job run, or of one attempt at it; `attempt` counts from 1."""

    job_run_id: str
    name: str
    state: str
    details: str
    attempt: int

    @property
    def has_ended(self) -> bool:
        """True if the state is final."""
        return self.state in _ENDED

    @property
    def exit_code(self) -> int:
        """1 for a run that failed or was cancelled, and 0 for one that succeeded or goes on."""
        return int(self.has_ended and self.state != "SUCCESS")

    def __str__(self) -> str:
        details = f": {' '.join(self.details.split())}" if self.details else ""
        return f"{self.job_run_id} ({self.name}), attempt {self.attempt}: {self.state}{details}"


class EmrServerless:
    """The calls to EMR Serverless about one application.

    They raise UserError if the user must act, and ServiceUnavailableError if the service stays out of reach. The SDK
    decides about credentials and endpoint.
    """

    def __init__(self, application_id: str, region: str) -> None:
        self._application = application_id
        self._explainer = Explainer(f"EMR Serverless application {application_id} in {region}")
        with translate_errors(self._explainer.unusable, ValueError):
            self._boto: Any = boto3.client("emr-serverless", region_name=region)

    def release_and_architecture(self) -> tuple[str, str]:
        """Return the label of the application's release, and its architecture: "X86_64" or "ARM64"."""
        with self._translated("GetApplication"):
            application = self._boto.get_application(applicationId=self._application)["application"]
        return application["releaseLabel"], application.get("architecture", "X86_64")

    def start(self, request: Mapping[str, Any]) -> str:
        """Start a job run, and return its id."""
        with self._translated("StartJobRun"):
            return str(self._boto.start_job_run(**request)["jobRunId"])

    def cancel(self, request: Mapping[str, Any]) -> None:
        """Ask a job run to end."""
        with self._translated("CancelJobRun"):
            self._boto.cancel_job_run(**request)

    def status(self, job_run_id: str) -> Status:
        """Return the status of the run's latest attempt."""
        with self._translated("GetJobRun"):
            run = self._boto.get_job_run(applicationId=self._application, jobRunId=job_run_id)["jobRun"]
        return _status(job_run_id, run)

    def attempts(self, job_run_id: str) -> list[Status]:
        """Return the status of each attempt at the run, in their order."""
        with self._translated("ListJobRunAttempts"):
            pages = self._boto.get_paginator("list_job_run_attempts").paginate(
                applicationId=self._application, jobRunId=job_run_id
            )
            found = [_status(job_run_id, attempt) for page in pages for attempt in page["jobRunAttempts"]]
        return sorted(found, key=lambda status: status.attempt)

    def dashboard(self, job_run_id: str) -> str:
        """Return a URL of Spark's page about the run, with its logs; it's good for an hour."""
        with self._translated("GetDashboardForJobRun"):
            return str(
                self._boto.get_dashboard_for_job_run(applicationId=self._application, jobRunId=job_run_id)["url"]
            )

    @contextmanager
    def _translated(self, call: str) -> Iterator[None]:
        def explain(error: Exception) -> EventLakeError:
            what = f"{call}: {text_of(error)}"
            if cause_of(error) is Cause.REFUSED:  # a wrong id, or a request that the service doesn't take
                return UserError(f"{self._explainer.subject}: {what}; check --deployment and the ids")
            return self._explainer.explained(
                error, what, allow=f"allow emr-serverless:{call}, and iam:PassRole to start"
            )

        with translate_errors(explain):
            yield


def _status(job_run_id: str, run: Mapping[str, Any]) -> Status:
    return Status(
        job_run_id=job_run_id,
        name=run.get("name") or "no name",
        state=run["state"],
        details=run.get("stateDetails") or "",
        attempt=run.get("attempt") or 1,
    )
