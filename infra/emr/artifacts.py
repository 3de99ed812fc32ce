"""Put what job runs need into S3, each file in a folder of its own that its content names.

So no upload changes what a run has: EMR Serverless fetches the files again when it starts a run again.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import boto3
from botocore.exceptions import ClientError

from event_lake.aws.errors import Cause, Explainer, cause_of, code_of, text_of, translate_errors
from event_lake.config.lake_root import bucket_and_folder
from event_lake.errors import EventLakeError, UserError


@dataclass(frozen=True)
class Artifact:
    """A file for a job run: its name, which Spark shows and whose ending counts, and its content."""

    name: str
    content: bytes

    def uri(self, artifacts_uri: str) -> str:
        """Return its place below `artifacts_uri`, like "s3://bucket/folder/0123456789abcdef/event_lake.zip"."""
        return f"{artifacts_uri}/{sha256(self.content).hexdigest()[:16]}/{self.name}"


class S3Folder:
    """A folder in S3, at a URI like "s3://bucket/folder".

    Its methods raise UserError if the user must act, and ServiceUnavailableError if S3 stays out of reach. The SDK
    decides about credentials and endpoint.
    """

    def __init__(self, uri: str, region: str) -> None:
        self._uri = uri
        self._bucket, _ = bucket_and_folder(uri)
        self._explainer = Explainer(uri)
        with translate_errors(self._explainer.unusable, ValueError):
            self._boto: Any = boto3.client("s3", region_name=region)

    def upload(self, artifact: Artifact) -> None:
        """Upload the artifact to its URI, unless it's there."""
        _, key = bucket_and_folder(artifact.uri(self._uri))
        with self._translated("upload"):
            if not self._exists(key):
                self._boto.put_object(Bucket=self._bucket, Key=key, Body=artifact.content)

    def read_all(self, prefix: str) -> Iterator[bytes]:
        """Yield the content of each object whose URI begins with that of the folder, "/" and `prefix`, oldest first."""
        _, folder = bucket_and_folder(self._uri)
        start = f"{folder}/{prefix}" if folder else prefix
        with self._translated("read"):
            pages = self._boto.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=start)
            found = [entry for page in pages for entry in page.get("Contents", ())]
            for entry in sorted(found, key=lambda one: (one["LastModified"], one["Key"])):
                yield self._boto.get_object(Bucket=self._bucket, Key=entry["Key"])["Body"].read()

    def _exists(self, key: str) -> bool:
        try:
            self._boto.head_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            if code_of(error) == "404":
                return False
            raise
        return True

    @contextmanager
    def _translated(self, what: str) -> Iterator[None]:
        def explain(error: Exception) -> EventLakeError:
            if cause_of(error) is Cause.REFUSED:  # there's no such bucket, or it's in another region
                return UserError(f"{self._uri}: can't {what}: {text_of(error)}; check the bucket and its region")
            allow = "allow s3:GetObject, s3:PutObject and s3:ListBucket there"
            return self._explainer.explained(error, f"can't {what}: {text_of(error)}", allow=allow)

        with translate_errors(explain):
            yield
