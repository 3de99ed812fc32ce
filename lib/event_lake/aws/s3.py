"""One object in S3 that is only written on conditions: the record of a lease."""

from collections.abc import Iterator
from contextlib import contextmanager

import boto3
from botocore import exceptions as aws
from botocore.config import Config

from event_lake.errors import EventLakeError, ServiceUnavailableError, UserError

# The object is some 400 bytes. Three attempts end within 25 s, so a lease of a minute has two such calls in reserve.
_BOTO_CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 3}, connect_timeout=2, read_timeout=5, max_pool_connections=2
)

# 412: the condition isn't met; 409: another write was under way; 404: there's nothing left to replace.
_SOMEBODY_WAS_FASTER = {"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey"}
_THROTTLED = {"RequestTimeout", "SlowDown", "Throttling", "ThrottlingException"}
_CREDENTIALS = {
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidAccessKeyId",
    "InvalidToken",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
}


class S3Object:
    """`<root>/_leases/<name>.json` of a lake at `root`, which is "s3://bucket/lake" or the same with s3a.

    Its versions are ETags, which tell two versions apart only if their contents differ. All methods raise UserError
    where the user must act, ServiceUnavailableError where S3 stays out of reach after three attempts, and then the
    object may have been written or not. Credentials and endpoint are the SDK's, unless `endpoint_url` is given.
    Source: Amazon S3 User Guide, "Conditional requests"; S3 API reference, PutObject (409: read the ETag again).
    """

    def __init__(self, root: str, name: str, endpoint_url: str | None = None) -> None:
        self.lake = root
        self._bucket, _, prefix = root.partition("://")[2].partition("/")
        self._key = "/".join(part for part in (prefix, "_leases", f"{name}.json") if part)
        try:
            self._boto = boto3.client("s3", endpoint_url=endpoint_url, config=_BOTO_CONFIG)
        except (aws.BotoCoreError, ValueError) as error:  # ValueError: AWS_ENDPOINT_URL_S3 holds no URL
            raise self._unusable(error) from error

    def read(self) -> tuple[bytes, str] | None:
        """Content and version, or None where there's no such object."""
        with self._translated("GetObject"):
            try:
                answer = self._boto.get_object(Bucket=self._bucket, Key=self._key)
                return answer["Body"].read(), answer["ETag"]
            except aws.ClientError as error:
                if error.response["Error"]["Code"] == "NoSuchKey":
                    return None
                raise

    def create(self, content: bytes) -> str | None:
        """The new version, or None if there is an object already."""
        return self._put(content, "IfNoneMatch", "*")

    def replace(self, version: str, content: bytes) -> str | None:
        """The new version, or None if the object isn't at `version` any more."""
        return self._put(content, "IfMatch", version)

    def _put(self, content: bytes, condition: str, value: str) -> str | None:
        with self._translated("PutObject"):
            try:
                answer = self._boto.put_object(
                    Bucket=self._bucket,
                    Key=self._key,
                    Body=content,
                    ContentType="application/json",
                    **{condition: value},
                )
                version: str = answer["ETag"]
            except aws.ClientError as error:
                if error.response["Error"]["Code"] in _SOMEBODY_WAS_FASTER:
                    return None
                raise
            return version

    @contextmanager
    def _translated(self, action: str) -> Iterator[None]:
        try:
            yield
        except aws.ClientError as error:
            raise self._explained(action, error) from error
        except (
            aws.NoCredentialsError,
            aws.PartialCredentialsError,
            aws.NoRegionError,
            aws.ParamValidationError,
            aws.ProfileNotFound,
        ) as error:
            raise self._unusable(error) from error
        except (aws.BotoCoreError, KeyError) as error:  # KeyError: half an answer
            raise ServiceUnavailableError(f"lake {self.lake}: {action} {self._key}: {error!r}") from error

    def _unusable(self, error: Exception) -> UserError:
        reason = " ".join(str(error).split()).rstrip(".")
        return UserError(f"lake {self.lake}: {reason}; check lake.root and the AWS SDK's usual chain")

    def _explained(self, action: str, error: aws.ClientError) -> EventLakeError:
        told = error.response["Error"]
        code, status = told["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
        where = f"lake {self.lake}: {action} {self._key}: {code}: {told.get('Message', '')}".rstrip(".")
        if code == "NoSuchBucket":
            return UserError(f"{where}; check lake.root")
        if code == "AccessDenied":
            arn = f"arn:aws:s3:::{self._bucket}"
            return UserError(
                f"{where}; allow s3:GetObject and s3:PutObject on {arn}/{self._key}, s3:ListBucket on {arn}"
            )
        if code in _CREDENTIALS:
            return UserError(f"{where}; check the credentials in use and this machine's clock")
        if code in _THROTTLED or status >= 500:
            return ServiceUnavailableError(where)
        return EventLakeError(where)
