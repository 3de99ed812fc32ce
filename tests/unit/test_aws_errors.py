"""What botocore's errors mean, and what becomes of them."""

import pytest
from botocore import exceptions as aws

from event_lake.aws.errors import Cause, Explainer, cause_of, code_of, text_of, translate_errors
from event_lake.errors import EventLakeError, ServiceUnavailableError, UserError

CREDENTIALS = [
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "InvalidToken",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
]
DENIED = ["AccessDenied", "AccessDeniedException"]
THROTTLED = [
    "KMSThrottlingException",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
]
UNCONFIGURED = [
    aws.NoCredentialsError(),
    aws.NoRegionError(),
    aws.ParamValidationError(report="no such bucket"),
    aws.PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"),
    aws.ProfileNotFound(profile="mine"),
]
OUT_OF_REACH = [
    aws.EndpointConnectionError(endpoint_url="http://nowhere", error="refused"),
    aws.ConnectTimeoutError(endpoint_url="http://nowhere"),
    aws.ReadTimeoutError(endpoint_url="http://nowhere"),
    aws.IncompleteReadError(actual_bytes=1, expected_bytes=2),
    KeyError("ETag"),
]


def refusal(code: str, status: int = 400, **said: str) -> aws.ClientError:
    return aws.ClientError(
        {"Error": {"Code": code, **said}, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore[typeddict-item]
        "AnyCall",
    )


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        *((code, Cause.CREDENTIALS) for code in CREDENTIALS),
        *((code, Cause.DENIED) for code in DENIED),
        *((code, Cause.THROTTLED) for code in THROTTLED),
        ("RequestTimeout", Cause.OUT_OF_REACH),
        ("InvalidArgumentException", Cause.REFUSED),
        ("ResourceNotFoundException", Cause.REFUSED),
        ("PreconditionFailed", Cause.REFUSED),
    ],
)
def test_a_code_has_one_cause_whatever_the_service(code: str, cause: Cause) -> None:
    assert cause_of(refusal(code)) is cause


@pytest.mark.parametrize(
    ("status", "cause"),
    [(400, Cause.REFUSED), (499, Cause.REFUSED), (500, Cause.OUT_OF_REACH), (503, Cause.OUT_OF_REACH)],
)
def test_a_code_of_no_known_cause_is_judged_by_its_status(status: int, cause: Cause) -> None:
    assert cause_of(refusal("SomethingNew", status)) is cause


def test_a_known_code_says_more_than_its_status() -> None:
    assert cause_of(refusal("SlowDown", 503)) is Cause.THROTTLED


@pytest.mark.parametrize(
    ("error", "cause"),
    [*((e, Cause.UNCONFIGURED) for e in UNCONFIGURED), *((e, Cause.OUT_OF_REACH) for e in OUT_OF_REACH)],
    ids=repr,
)
def test_what_brought_no_answer_is_configuration_or_the_way_there(error: Exception, cause: Cause) -> None:
    assert cause_of(error) is cause


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (refusal("SlowDown", Message="Please\n  wait."), "SlowDown", "SlowDown: Please wait."),
        (refusal("SlowDown"), "SlowDown", "SlowDown: "),
        (aws.ParamValidationError(report="a\nb"), None, "Parameter validation failed: a b"),
    ],
)
def test_an_error_is_one_line_and_a_refusal_has_a_code(error: Exception, code: str | None, text: str) -> None:
    assert (code_of(error), text_of(error)) == (code, text)


@pytest.mark.parametrize("error", [refusal("SlowDown"), aws.NoRegionError(), KeyError("ETag")], ids=repr)
def test_an_error_gives_way_to_its_translation_which_names_it_as_the_cause(error: Exception) -> None:
    with pytest.raises(UserError, match=r"^AWS: ") as ours, translate_errors(Explainer("AWS").unusable, KeyError):
        raise error
    assert ours.value.__cause__ is error


@pytest.mark.parametrize("error", [KeyError("ETag"), ServiceUnavailableError("ours")], ids=repr)
def test_what_is_neither_botocores_nor_asked_for_passes(error: Exception) -> None:
    with pytest.raises(type(error)) as passed, translate_errors(Explainer("AWS").unusable, ValueError):
        raise error
    assert passed.value is error


@pytest.mark.parametrize(
    ("error", "kind", "line"),
    [
        (aws.NoRegionError(), UserError, "AWS: You must specify a region; configure it"),
        (refusal("ExpiredToken"), UserError, "AWS: Call: why; check them"),
        (refusal("AccessDenied"), UserError, "AWS: Call: why; allow it"),
        (refusal("SlowDown"), ServiceUnavailableError, "AWS: Call: why"),
        (refusal("InternalError", 500), ServiceUnavailableError, "AWS: Call: why"),
        (OUT_OF_REACH[0], ServiceUnavailableError, "AWS: Call: why"),
        (refusal("NoSuchKey", 404), EventLakeError, "AWS: Call: why"),
        # S3's answer to HEAD has no body.
        (refusal("403", 403), UserError, "AWS: Call: why; allow it"),
    ],
    ids=str,
)
def test_each_cause_has_its_error_and_its_advice(error: Exception, kind: type[EventLakeError], line: str) -> None:
    ours = Explainer("AWS", configure="configure it", check="check them").explained(
        error, "Call: why", allow="allow it"
    )
    assert (type(ours), str(ours)) == (kind, line)
