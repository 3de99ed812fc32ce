"""Why a call to AWS failed, as botocore's errors tell it for all services, and our errors for that."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum

from botocore import exceptions as aws

from event_lake.errors import EventLakeError, ServiceUnavailableError, UserError


class Cause(Enum):
    """Why a call failed, one member per way to deal with it."""

    UNCONFIGURED = "the SDK sent nothing: it lacks a region, profile or credentials, or refuses a value"
    CREDENTIALS = "AWS doesn't accept the credentials"
    DENIED = "the credentials are good, but don't allow this call"
    THROTTLED = "AWS asks to slow down"
    OUT_OF_REACH = "no answer came, or half of one, or the service failed"
    REFUSED = "the service has a reason of its own, which the code names"


# No service uses all of these codes, but none of them means two things.
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
    """Return why the call failed that raised `error`; one that isn't botocore's comes of half an answer."""
    if isinstance(error, aws.ClientError):
        failed = error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500
        return _BY_CODE.get(error.response["Error"]["Code"], Cause.OUT_OF_REACH if failed else Cause.REFUSED)
    return Cause.UNCONFIGURED if isinstance(error, _UNCONFIGURED) else Cause.OUT_OF_REACH


def code_of(error: Exception) -> str | None:
    """Return the code with which AWS refused, or None if `error` is no refusal."""
    return error.response["Error"]["Code"] if isinstance(error, aws.ClientError) else None


def text_of(error: Exception) -> str:
    """Return `error` in one line: a refusal as "code: message"."""
    if isinstance(error, aws.ClientError):
        refusal = error.response["Error"]
        return f"{refusal['Code']}: {' '.join(refusal.get('Message', '').split())}"
    return " ".join(str(error).split())


@contextmanager
def translate_errors(explain: Callable[[Exception], Exception], *others: type[Exception]) -> Iterator[None]:
    """Raise what `explain` makes of an error of botocore's, or of one of `others`, in its place."""
    kinds: tuple[type[Exception], ...] = (aws.ClientError, aws.BotoCoreError, *others)
    try:
        yield
    except kinds as error:
        raise explain(error) from error


@dataclass(frozen=True)
class Explainer:
    """Makes errors of ours from those of one service.

    Their messages begin with `subject`, and advise to `configure` what the SDK lacks and to `check` credentials.
    """

    subject: str
    configure: str = "configure the AWS SDK's usual chain"
    check: str = "check the credentials in use and this machine's clock"

    def unusable(self, error: Exception) -> UserError:
        """Return the error to raise where the SDK raised `error` for want of settings, before it asked AWS."""
        return UserError(f"{self.subject}: {text_of(error).rstrip('.')}; {self.configure}")

    def explained(self, error: Exception, what: str, *, allow: str) -> EventLakeError:
        """Return the error to raise where a call raised `error` and isn't made again.

        `what` is the message behind the subject: the call, and how it failed. `allow` is the advice where the
        credentials don't allow the call.
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
