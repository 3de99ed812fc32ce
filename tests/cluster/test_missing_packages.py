"""A cluster whose executors lack a package that the jobs need says so in one line.

`tests/unit/test_requirements.py` has the driver, and the texts of such errors.
"""

from pathlib import Path

import pytest

from event_lake.errors import UserError
from support.clusters import standalone_cluster
from support.emulators import Stream
from support.sent import an_event
from support.submitting import SubmittedJobs, cluster_environment, packages_without

pytestmark = pytest.mark.faults


@pytest.mark.parametrize(
    ("package", "install"), [("boto3", "boto3>=1.44,<2"), ("orjson", "orjson>=3.10,<4"), ("pyarrow", "pyarrow>=18")]
)
def test_executors_without_a_package_are_one_line_that_says_what_to_install(
    stream: Stream, tmp_path: Path, package: str, install: str
) -> None:
    stream.put(an_event(created_at=int(stream.client().now().timestamp())))
    packages = packages_without(tmp_path / "packages", package)
    with standalone_cluster(tmp_path, cluster_environment(tmp_path) | {"PYTHONPATH": ""}) as cluster:
        code, lines = SubmittedJobs(cluster, stream, tmp_path, packages).run("ingest_raw", "--until-caught-up")
    assert code == UserError.exit_code, lines
    assert lines[-1].startswith("ingest_raw.py: UserError: ")
    told = f" has no {package}: install it on each machine of the cluster, like pip install '{install}'"
    assert lines[-1].endswith(told)
