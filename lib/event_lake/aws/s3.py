"""Reads and writes a record beside a lake's tables, like a lease's: an object in S3, written only on conditions."""

from contextlib import AbstractContextManager
from functools import partial

import boto3
from botocore.exceptions import ClientError

from event_lake.aws.client_config import CONFIG
from event_lake.aws.errors import Explainer, code_of, text_of, translate_errors
from event_lake.config.lake_root import bucket_and_folder
from event_lake.errors import EventLakeError, UserError

# In this order: the condition isn't met (412), another write was under way (409), the object to replace is gone (404).
_SOMEBODY_WAS_FASTER = {"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey"}
# S3 says one of these if it doesn't serve the bucket at the endpoint of the region that was asked, or by its signature.
_IN_ANOTHER_REGION = {"PermanentRedirect", "AuthorizationHeaderMalformed"}


class S3Object:
    """The object `<root>/_leases/<name>.json` of a lake at `root`, which is like "s3://bucket/lake" or "s3a://…".

    Its versions are ETags, which tell two versions apart only if their contents differ. All methods raise UserError if
    the user must act, and ServiceUnavailableError if S3 stays out of reach after three attempts; then a write may have
    happened or not. The SDK decides about credentials, and about the endpoint unless `endpoint_url` is given.
    Source: Amazon S3 User Guide, "Conditional requests"; S3 API reference, PutObject (409: read the ETag again).
    """

    def __init__(self, root: str, name: str, endpoint_url: str | None = None) -> None:
        self.lake = root
        self._bucket, folder = bucket_and_folder(root)
        self._key = "/".join(part for part in (folder, "_leases", f"{name}.json") if part)
        self._explainer = Explainer(f"lake {root}", configure="check lake.root and the AWS SDK's usual chain")
        with translate_errors(self._explainer.unusable, ValueError):  # ValueError: AWS_ENDPOINT_URL_S3 holds no URL
            self._boto = boto3.client("s3", endpoint_url=endpoint_url, config=CONFIG)

    def read(self) -> tuple[bytes, str] | None:
        """Return the object's content and version, or None if it doesn't exist."""
        with self._translated("GetObject"):
            try:
                answer = self._boto.get_object(Bucket=self._bucket, Key=self._key)
                return answer["Body"].read(), answer["ETag"]
            except ClientError as error:
                if code_of(error) == "NoSuchKey":
                    return None
                raise

    def create(self, content: bytes) -> str | None:
        """Write the object if it doesn't exist. Return its version, or None if another write was faster."""
        return self._put(content, "IfNoneMatch", "*")

    def replace(self, version: str, content: bytes) -> str | None:
        """Write the object if it's still at `version`. Return its new version, or None if another write was faster."""
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
            except ClientError as error:
                if code_of(error) in _SOMEBODY_WAS_FASTER:
                    return None
                raise
            return version

    def _translated(self, action: str) -> AbstractContextManager[None]:
        return translate_errors(partial(self._explained, action), KeyError)  # half an answer raises it

    def _explained(self, action: str, error: Exception) -> EventLakeError:
        code = code_of(error)
        what = f"{action} {self._key}: {repr(error) if code is None else text_of(error).rstrip('.')}"
        if code == "NoSuchBucket":
            return UserError(f"{self._explainer.subject}: {what}; check lake.root")
        if code in _IN_ANOTHER_REGION:
            problem = "the bucket is in another region: name that one by AWS_DEFAULT_REGION"
            return UserError(f"{self._explainer.subject}: {what}; {problem}")
        arn = f"arn:aws:s3:::{self._bucket}"
        allow = f"allow s3:GetObject and s3:PutObject on {arn}/{self._key}, s3:ListBucket on {arn}"
        return self._explainer.explained(error, what, allow=allow)
