"""What becomes of S3's errors."""

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler

import pytest

from event_lake.aws.s3 import S3Object
from event_lake.errors import EventLakeError, ServiceUnavailableError, UserError
from support.http_servers import serving
from support.replayed_streams import any_credentials

ARN = "arn:aws:s3:::lakes"


def test_a_bucket_that_does_not_exist_is_the_users_to_fix(kinesis_endpoint: str) -> None:
    store = S3Object("s3://no-such-lakes/lake", "raw", kinesis_endpoint)
    for call in (store.read, lambda: store.create(b"1"), lambda: store.replace("1", b"1")):
        with pytest.raises(UserError, match=r"lake s3://no-such-lakes/lake: .*: NoSuchBucket: .*; check lake[.]root"):
            call()


def test_what_is_no_bucket_is_the_users_to_fix(kinesis_endpoint: str) -> None:
    with pytest.raises(UserError, match=r"Invalid bucket name .*; check lake[.]root") as refused:
        S3Object("s3://no bucket/lake", "raw", kinesis_endpoint).read()
    assert "\n" not in str(refused.value)


def test_what_is_no_endpoint_is_the_users_to_fix() -> None:
    with pytest.raises(UserError, match="lake s3://lakes: Invalid endpoint: nowhere; check"):
        S3Object("s3://lakes", "raw", "nowhere")


def test_where_nobody_listens_the_service_is_unavailable() -> None:
    with closing(socket.socket()) as unused, any_credentials():
        unused.bind(("127.0.0.1", 0))
        store = S3Object("s3://lakes/lake", "raw", f"http://127.0.0.1:{unused.getsockname()[1]}")
        with pytest.raises(
            ServiceUnavailableError, match=r"lake s3://lakes/lake: GetObject .*: EndpointConnectionError"
        ):
            store.read()


@contextmanager
def s3_that_answers(*answers: tuple[int, str]) -> Iterator[S3Object]:
    """With these statuses and codes, one after the other, whatever it's asked; an ETag comes with none of them."""
    left = list(answers)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, code = left.pop(0)
            body = f"<Error><Code>{code}</Code><Message>why</Message></Error>".encode() if code else b""
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_PUT = do_GET  # noqa: N815 (http.server's name)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with serving(Handler) as url, any_credentials():
        yield S3Object("s3://lakes/lake", "raw", url)
    assert left == []


@pytest.mark.parametrize(
    ("answer", "kind", "advice"),
    [
        (
            (403, "AccessDenied"),
            UserError,
            f"; allow s3:GetObject and s3:PutObject on {ARN}/lake/_leases/raw.json, s3:ListBucket on {ARN}",
        ),
        ((400, "ExpiredToken"), UserError, "; check the credentials in use and this machine's clock"),
        ((403, "RequestTimeTooSkewed"), UserError, "; check the credentials in use and this machine's clock"),
        ((403, "UnrecognizedClientException"), UserError, "; check the credentials in use and this machine's clock"),
        ((400, "KMS.DisabledException"), EventLakeError, ""),
    ],
)
def test_a_refusal_says_what_to_do(answer: tuple[int, str], kind: type[EventLakeError], advice: str) -> None:
    with s3_that_answers(answer) as store, pytest.raises(EventLakeError) as refused:
        store.create(b"1")
    assert (type(refused.value), str(refused.value)) == (
        kind,
        f"lake s3://lakes/lake: PutObject lake/_leases/raw.json: {answer[1]}: why{advice}",
    )


@pytest.mark.parametrize(
    "answer", [(412, "PreconditionFailed"), (409, "ConditionalRequestConflict"), (404, "NoSuchKey")]
)
def test_somebody_else_was_faster(answer: tuple[int, str]) -> None:
    with s3_that_answers(answer) as store:
        assert store.replace("1", b"1") is None


def test_what_stumbles_three_times_is_out_of_reach() -> None:
    stumbles = [(503, "SlowDown"), (500, "InternalError"), (503, "SlowDown")]
    with s3_that_answers(*stumbles) as store, pytest.raises(ServiceUnavailableError, match="SlowDown: why"):
        store.read()


def test_what_answers_by_halves_is_out_of_reach() -> None:
    with s3_that_answers((200, "")) as store, pytest.raises(ServiceUnavailableError, match="ETag"):
        store.create(b"1")
