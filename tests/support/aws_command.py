"""`aws`, as far as the documents need it: one call to AWS from the words of a command line, checked by AWS' own model.

`python -m support.aws_command SERVICE OPERATION --FLAG VALUE …` makes it with the SDK's usual settings, and prints the
answer. A value is a text, `file://` and a file, or `Key=Value`; the AWS CLI takes more. An application of EMR
Serverless is made of a release that moto takes.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import boto3
from botocore import xform_name
from botocore.model import Shape


def call(words: Sequence[str]) -> dict[str, Any]:
    """Make the call and return its answer. Raise KeyError for an operation or a flag that AWS doesn't have."""
    service, operation, *flags = words
    client: Any = boto3.client("s3" if service == "s3api" else service)  # type: ignore[call-overload]
    operations = {xform_name(name, "-"): name for name in client.meta.service_model.operation_names}
    model = client.meta.service_model.operation_model(operations[operation])
    members = {f"--{xform_name(name, '-')}": (name, shape) for name, shape in model.input_shape.members.items()}
    given = dict(zip(flags[::2], flags[1::2], strict=True))
    parameters = {members[flag][0]: _value(members[flag][1], text) for flag, text in given.items()}
    if operation == "create-application":
        parameters["releaseLabel"] = "emr-7.9.0"
    answer: dict[str, Any] = getattr(client, xform_name(operations[operation]))(**parameters)
    return answer


def _value(shape: Shape, text: str) -> object:
    if text.startswith("file://"):
        text = Path(text.removeprefix("file://")).read_text("utf-8")
        json.loads(text)  # raises ValueError, where AWS would refuse it
    elif shape.type_name == "structure":
        return dict(pair.split("=", 1) for pair in text.split(","))
    return text if shape.type_name == "string" else json.loads(text)


if __name__ == "__main__":
    print(json.dumps(call(sys.argv[1:]), default=str, indent=2))
