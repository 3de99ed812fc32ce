"""Finds out from botocore's errors why a call to any AWS service failed, and makes errors of ours from them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum

from botocore import exceptions as aws

from event_lake.errors import EventLakeError, ServiceUnavailableError, UserError


class Cause(Enum):
    """The reason why a call failed. There's one member for each way to deal with it."""

    UNCONFIGURED = "the SDK sent nothing: it lacks a region, profile or credentials, or refuses a value"
    CREDENTIALS = "AWS doesn't accept the credentials"
    DENIED = "the credentials are good, but don't allow this call"
    THROTTLED = "AWS asks to slow down"
    OUT_OF_REACH = "no answer came, or half of one, or the service failed"
    REFUSED = "the service has a reason of its own, which the code names"


# Codes of all services in one table, as no code means two things.
_BY_CODE = {
    "ExpiredToken": Cause.CREDENTIALS,
    "ExpiredTokenException": Cause.CREDENTIALS,
    "InvalidAccessKeyId": Cause.CREDENTIALS,
    "InvalidClientTokenId": Cause.CREDENTIALS,
    "InvalidSignatureException": Cause.CREDENTIALS,
    "InvalidToken": Cause.CREDENTIALS,
    "RequestTimeTooSkewed": Cause.CREDENTIALS,
    "SignatureDoesNotMatch": Cause.CREDENTIALS,
    "UnrecognizedClientException": Cause.CREDENTIALS,
    "403": Cause.DENIED,  # S3's answer to HEAD has no body, and so no code
    "AccessDenied": Cause.DENIED,
    "AccessDeniedException": Cause.DENIED,
    "KMSThrottlingException": Cause.THROTTLED,
    "LimitExceededException": Cause.THROTTLED,
    "ProvisionedThroughputExceededException": Cause.THROTTLED,
    "SlowDown": Cause.THROTTLED,
    "Throttling": Cause.THROTTLED,
    "ThrottlingException": Cause.THROTTLED,
    "RequestTimeout": Cause.OUT_OF_REACH,
}
_UNCONFIGURED = (
    aws.NoCredentialsError,
    aws.NoRegionError,
    aws.ParamValidationError,
    aws.PartialCredentialsError,
    aws.ProfileNotFound,
)


def cause_of(error: Exception) -> Cause:
    """Return why a call raised `error`. An error that isn't botocore's comes from an answer that can't be read."""
    if isinstance(error, aws.ClientError):
        failed = error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500
        return _BY_CODE.get(error.response["Error"]["Code"], Cause.OUT_OF_REACH if failed else Cause.REFUSED)
    return Cause.UNCONFIGURED if isinstance(error, _UNCONFIGURED) else Cause.OUT_OF_REACH


def code_of(error: Exception) -> str | None:
    """Return the code with which AWS refused, or None if `error` is no refusal."""
    return error.response["Error"]["Code"] if isinstance(error, aws.ClientError) else None


def text_of(error: Exception) -> str:
    """Return `error` in one line. A refusal is "code: message"."""
    if isinstance(error, aws.ClientError):
        refusal = error.response["Error"]
        return f"{refusal['Code']}: {' '.join(refusal.get('Message', '').split())}"
    return " ".join(str(error).split())


@contextmanager
def translate_errors(explain: Callable[[Exception], Exception], *others: type[Exception]) -> Iterator[None]:
    """Turn an error of botocore's or `others` that the block raises into the one that `explain` makes of it."""
    kinds: tuple[type[Exception], ...] = (aws.ClientError, aws.BotoCoreError, *others)
    try:
        yield
    except kinds as error:
        raise explain(error) from error


@dataclass(frozen=True)
class Explainer:
    """Makes errors of ours from those of one service.

    Their messages begin with `subject`. They end with the advice `configure` if the SDK lacks a setting, and with
    `check` if AWS doesn't accept the credentials.
    """

    subject: str
    configure: str = "configure the AWS SDK's usual chain"
    check: str = "check the credentials in use and this machine's clock"

    def unusable(self, error: Exception) -> UserError:
        """Return the error to raise if the SDK raised `error` before a call, as a setting is missing or wrong."""
        return UserError(f"{self.subject}: {text_of(error).rstrip('.')}; {self.configure}")

    def explained(self, error: Exception, what: str, *, allow: str) -> EventLakeError:
        """Return the error to raise if a call raised `error` and isn't repeated.

        `what` is the message after the subject: it names the call and how it failed. The message ends with the advice
        `allow` if the credentials don't allow the call.
        """
        where = f"{self.subject}: {what}"
        match cause_of(error):
            case Cause.UNCONFIGURED:
                return self.unusable(error)
            case Cause.CREDENTIALS:
                return UserError(f"{where}; {self.check}")
            case Cause.DENIED:
                return UserError(f"{where}; {allow}")
            case Cause.THROTTLED | Cause.OUT_OF_REACH:
                return ServiceUnavailableError(where)
            case Cause.REFUSED:
                return EventLakeError(where)
