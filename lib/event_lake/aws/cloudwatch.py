"""Puts metrics of our own into CloudWatch, and asks it how many records a stream took."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import boto3

from event_lake.aws.client_config import CONFIG
from event_lake.aws.errors import Explainer, text_of, translate_errors
from event_lake.errors import EventLakeError, ServiceUnavailableError, UserError

# One call may have 1,000 metrics and 1 MB (CloudWatch API reference, PutMetricData). 1,000 of ours are less than 1 MB.
_MOST_METRICS = 1_000
# CloudWatch keeps a value for each span of so many seconds, named so, for so many days.
_KEPT = ((15, 60, "minutes"), (63, 300, "5 minutes"), (455, 3600, "hours"))
_EXPLAINER = Explainer("CloudWatch")


@dataclass(frozen=True)
class CloudWatchMetric:
    """A metric's value at one time. `unit` is one of CloudWatch's, and `dimension` is a name and a value."""

    name: str
    value: float
    unit: str
    time: datetime
    dimension: tuple[str, str]


class CloudWatch:
    """The calls that Event Lake makes to CloudWatch. Several threads may make them.

    They raise UserError if the user must act, and ServiceUnavailableError if CloudWatch stays out of reach after three
    attempts. The SDK decides about credentials, and about the endpoint unless `endpoint_url` is given.
    """

    def __init__(
        self,
        region: str | None,
        endpoint_url: str | None = None,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._now = now
        with translate_errors(_EXPLAINER.unusable, ValueError):  # ValueError: AWS_ENDPOINT_URL_CLOUDWATCH holds no URL
            self._boto: Any = boto3.client("cloudwatch", region_name=region, endpoint_url=endpoint_url, config=CONFIG)

    def put(self, namespace: str, metrics: Sequence[CloudWatchMetric]) -> None:
        """Put any number of metrics, in calls of 1,000. If a call fails, CloudWatch has the metrics of those before."""
        data = [_datum(metric) for metric in metrics]
        for first in range(0, len(data), _MOST_METRICS):
            with _translated("PutMetricData"):
                self._boto.put_metric_data(Namespace=namespace, MetricData=data[first : first + _MOST_METRICS])

    def incoming_records(self, stream: str, begin: datetime, end: datetime) -> int:
        """Return how many records `stream` took from `begin` on and before `end`, by its metric IncomingRecords.

        A KPL aggregate counts as one record. The metric may lack the last few minutes, and is 0 for a stream that
        doesn't exist. Raise UserError if CloudWatch doesn't keep times as fine as `begin` and `end`: it keeps minutes
        for 15 days, 5 minutes for 63 days, and hours for 455 days. Source: CloudWatch API reference, GetMetricData;
        Kinesis Data Streams developer guide, "Monitor with CloudWatch".
        """
        metric = {
            "Namespace": "AWS/Kinesis",
            "MetricName": "IncomingRecords",
            "Dimensions": [{"Name": "StreamName", "Value": stream}],
        }
        stat = {"Metric": metric, "Period": _seconds_kept(begin, end, self._now()), "Stat": "Sum"}
        request: dict[str, Any] = {
            "MetricDataQueries": [{"Id": "records", "MetricStat": stat}],
            "StartTime": begin,
            "EndTime": end,
        }
        total: float = 0
        while True:
            with _translated("GetMetricData"):
                answer = self._boto.get_metric_data(**request)
                [result] = answer["MetricDataResults"]
                total += sum(result["Values"])
            if not answer.get("NextToken"):
                _check_complete(result["StatusCode"])
                return round(total)
            request["NextToken"] = answer["NextToken"]


def _datum(metric: CloudWatchMetric) -> dict[str, Any]:
    name, value = metric.dimension
    return {
        "MetricName": metric.name,
        "Value": metric.value,
        "Unit": metric.unit,
        "Timestamp": metric.time,
        "Dimensions": [{"Name": name, "Value": value}],
    }


def _check_complete(status: str) -> None:
    if status == "Forbidden":
        raise UserError("CloudWatch: GetMetricData: Forbidden; allow cloudwatch:GetMetricData")
    if status != "Complete":
        raise ServiceUnavailableError(f"CloudWatch: GetMetricData: not all values came: {status}")


def _seconds_kept(begin: datetime, end: datetime, now: datetime) -> int:
    """Return how many seconds each value of the window covers. Raise UserError if they don't fit the window."""
    for days, seconds, name in _KEPT:
        if begin > now - timedelta(days=days):
            for time in (begin, end):
                if time.timestamp() % seconds:
                    raise UserError(
                        f"CloudWatch: {time.isoformat()}: of a window that begins up to {days} days ago it keeps whole"
                        f" {name}; choose such times"
                    )
            return seconds
    raise UserError(f"CloudWatch: {begin.isoformat()}: it keeps {_KEPT[-1][0]} days; choose a later time")


def _translated(action: str) -> AbstractContextManager[None]:
    return translate_errors(partial(_explained, action), KeyError, ValueError)  # half an answer raises these


def _explained(action: str, error: Exception) -> EventLakeError:
    what = f"{action}: {text_of(error)}".rstrip(". ")
    return _EXPLAINER.explained(error, what, allow=f"allow cloudwatch:{action}")
