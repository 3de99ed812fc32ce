"""What is asked of CloudWatch: moto's over HTTP, and one that refuses."""

from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from event_lake.aws.cloudwatch import CloudWatch, CloudWatchMetric
from event_lake.errors import EventLakeError, ServiceUnavailableError, UserError
from support.emulators import free_port
from support.scripted import Script, ok, refused, script

NOW = datetime.now(UTC).replace(second=0, microsecond=0)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def cloudwatch(kinesis_endpoint: str) -> CloudWatch:
    return CloudWatch("us-east-1", kinesis_endpoint)


@pytest.fixture
def boto(kinesis_endpoint: str) -> Any:
    return boto3.client("cloudwatch", region_name="us-east-1", endpoint_url=kinesis_endpoint)


def a_metric(time: datetime = NOW, value: float = 1) -> CloudWatchMetric:
    return CloudWatchMetric("RecordsRead", value, "Count", time, ("Stream", "events"))


def test_a_metric_arrives_with_its_value_unit_time_and_dimension(
    cloudwatch: CloudWatch, boto: Any, request: pytest.FixtureRequest
) -> None:
    namespace = request.node.name
    cloudwatch.put(namespace, [a_metric(NOW, 2), a_metric(NOW - MINUTE, 3)])
    found = boto.get_metric_statistics(
        Namespace=namespace,
        MetricName="RecordsRead",
        Dimensions=[{"Name": "Stream", "Value": "events"}],
        StartTime=NOW - MINUTE,
        EndTime=NOW + MINUTE,
        Period=60,
        Statistics=["Sum"],
    )["Datapoints"]
    by_time = sorted((point["Timestamp"], point["Sum"], point["Unit"]) for point in found)
    assert by_time == [(NOW - MINUTE, 3, "Count"), (NOW, 2, "Count")]


def test_the_endpoint_is_the_sdks_unless_one_is_given(kinesis_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDWATCH", kinesis_endpoint)
    CloudWatch("us-east-1").put("FromTheEnvironment", [a_metric()])
    asked = boto3.client("cloudwatch", region_name="us-east-1", endpoint_url=kinesis_endpoint)
    assert len(asked.list_metrics(Namespace="FromTheEnvironment")["Metrics"]) == 1


def test_more_metrics_than_a_call_takes_are_put_in_several(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DISABLE_REQUEST_COMPRESSION", "true")
    with script(ok()) as service:
        client_of(service).put("EventLake", [a_metric()] * 2001)
    assert [(action, len(request["MetricData"])) for action, request in service.requests] == [
        ("PutMetricData", 1000),
        ("PutMetricData", 1000),
        ("PutMetricData", 1),
    ]


def test_incoming_records_are_those_of_the_stream_within_the_window(cloudwatch: CloudWatch, boto: Any) -> None:
    begin = NOW - 20 * MINUTE
    for stream, minutes, value in [("a", -1, 1), ("a", 0, 10), ("a", 1, 100), ("a", 2, 1000), ("b", 1, 5)]:
        datum = {
            "MetricName": "IncomingRecords",
            "Dimensions": [{"Name": "StreamName", "Value": f"incoming {stream}"}],
            "Timestamp": begin + minutes * MINUTE,
            "Value": value,
            "Unit": "Count",
        }
        boto.put_metric_data(Namespace="AWS/Kinesis", MetricData=[datum])
    assert cloudwatch.incoming_records("incoming a", begin, begin + 2 * MINUTE) == 110
    assert cloudwatch.incoming_records("incoming nothing", begin, begin + 2 * MINUTE) == 0


def values(*given: float, **rest: Any) -> Any:
    status = rest.pop("StatusCode", "Complete")
    return ok(MetricDataResults=[{"Id": "records", "Values": list(given), "StatusCode": status}], **rest)


def test_values_are_asked_for_to_the_last_page() -> None:
    with script(values(1, 2, NextToken="t", StatusCode="PartialData"), values(4)) as service:
        assert client_of(service).incoming_records("events", NOW - 2 * MINUTE, NOW) == 7
    assert [request.get("NextToken") for _, request in service.requests] == [None, "t"]


@pytest.mark.parametrize(
    ("days", "seconds"), [(1, 60), (14.9, 60), (15.1, 300), (62.9, 300), (63.1, 3600), (454, 3600)]
)
def test_old_values_are_asked_for_in_the_steps_that_are_kept(days: float, seconds: int) -> None:
    now = datetime(2026, 11, 21, 9, 0, 30, tzinfo=UTC)
    begin = (now - timedelta(days=days)).replace(minute=0, second=0)
    with script(values(5)) as service:
        client_of(service, now).incoming_records("events", begin, begin + timedelta(hours=1))
    [(_, request)] = service.requests
    assert request["MetricDataQueries"][0]["MetricStat"]["Period"] == seconds


@pytest.mark.parametrize(
    ("begin", "problem"),
    [
        ("2026-11-20T09:00:30+00:00", "of a window that begins up to 15 days ago it keeps whole minutes"),
        ("2026-11-01T09:01:00+00:00", "of a window that begins up to 63 days ago it keeps whole 5 minutes"),
        ("2026-08-01T09:30:00+00:00", "of a window that begins up to 455 days ago it keeps whole hours"),
    ],
)
def test_a_time_that_is_finer_than_what_is_kept_is_refused(begin: str, problem: str) -> None:
    now = datetime(2026, 11, 21, 9, tzinfo=UTC)
    with script(values()) as service, pytest.raises(UserError) as wrong:
        client_of(service, now).incoming_records("events", datetime.fromisoformat(begin), now)
    assert str(wrong.value) == f"CloudWatch: {begin}: {problem}; choose such times"
    assert service.requests == []


def test_a_time_that_is_no_longer_kept_is_refused() -> None:
    with script(values()) as service, pytest.raises(UserError, match="it keeps 455 days; choose a later time"):
        client_of(service).incoming_records("events", NOW - timedelta(days=456), NOW)


@pytest.mark.parametrize(
    ("status", "error", "line"),
    [
        ("InternalError", ServiceUnavailableError, "not all values came: InternalError"),
        ("PartialData", ServiceUnavailableError, "not all values came: PartialData"),
        ("Forbidden", UserError, "Forbidden; allow cloudwatch:GetMetricData"),
    ],
)
def test_half_of_the_values_is_no_sum(status: str, error: type[EventLakeError], line: str) -> None:
    with script(values(1, StatusCode=status)) as service, pytest.raises(error) as wrong:
        client_of(service).incoming_records("events", NOW - MINUTE, NOW)
    assert (type(wrong.value), str(wrong.value)) == (error, f"CloudWatch: GetMetricData: {line}")


@pytest.mark.parametrize(
    ("code", "error", "advice"),
    [
        ("AccessDeniedException", UserError, "; allow cloudwatch:PutMetricData"),
        ("ExpiredTokenException", UserError, "; check the credentials in use and this machine's clock"),
        ("RequestTimeTooSkewed", UserError, "; check the credentials in use and this machine's clock"),
        ("ThrottlingException", ServiceUnavailableError, ""),
        ("InvalidParameterValue", EventLakeError, ""),
    ],
)
def test_a_refusal_is_one_line_that_says_what_to_do(code: str, error: type[EventLakeError], advice: str) -> None:
    with script(refused(code)) as service, pytest.raises(EventLakeError) as wrong:
        client_of(service).put("EventLake", [a_metric()])
    assert (type(wrong.value), str(wrong.value)) == (error, f"CloudWatch: PutMetricData: {code}: why{advice}")


def test_a_service_that_is_out_of_reach_is_told_in_one_line() -> None:
    cloudwatch = CloudWatch("us-east-1", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(ServiceUnavailableError) as wrong:
        cloudwatch.put("EventLake", [a_metric()])
    assert str(wrong.value).startswith("CloudWatch: PutMetricData: Could not connect to the endpoint URL")
    assert "\n" not in str(wrong.value)


@pytest.fixture
def no_region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")


@pytest.mark.usefixtures("no_region")
def test_without_a_region_it_says_what_to_configure() -> None:
    with pytest.raises(UserError) as wrong:
        CloudWatch(None)
    assert str(wrong.value) == "CloudWatch: You must specify a region; configure the AWS SDK's usual chain"


def client_of(service: Script, now: datetime = NOW) -> CloudWatch:
    return CloudWatch("us-east-1", service.client._boto.meta.endpoint_url, now=lambda: now)
