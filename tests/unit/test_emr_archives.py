"""The archives for EMR Serverless: what is in them, and that equal files make equal archives."""

import ast
import io
import os
import re
import tarfile
import zipfile
from importlib.metadata import requires
from pathlib import Path

import pytest

from event_lake.errors import UserError
from infra.emr.archives import SERVICES, archive, build_libraries, is_unused, requirements_of


def a_package(folder: Path, *needs: str) -> Path:
    """A wheel's metadata that names these requirements."""
    path = folder / "package.zip"
    with zipfile.ZipFile(path, "w") as files:
        files.writestr("x-1.dist-info/METADATA", "".join(f"Requires-Dist: {need}\n" for need in needs))
    return path


def test_the_libraries_are_those_that_the_package_itself_requires(tmp_path: Path) -> None:
    assert requirements_of(a_package(tmp_path, *(requires("event-lake") or ()))) == [
        "boto3<2,>=1.44",
        "orjson<4,>=3.10",
        "pyarrow>=18",
    ]


def test_equal_files_make_equal_archives_whenever_and_wherever_they_were_written(tmp_path: Path) -> None:
    for name, names in (("one", ("b/x.toml", "a.toml")), ("other", ("a.toml", "b/x.toml"))):
        for file in names:
            path = tmp_path / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(file)
            os.utime(path, (len(name), len(name)))
    packed = archive(tmp_path / "one")
    assert packed == archive(tmp_path / "other")
    assert packed[4:8] == bytes(4)  # where gzip has the time of packing
    with tarfile.open(fileobj=io.BytesIO(packed)) as files:
        assert files.getnames() == ["a.toml", "b/x.toml"]


@pytest.mark.parametrize(
    "name",
    [
        "pyarrow/libarrow_flight.so.2600",
        "pyarrow/_flight.cpython-311-x86_64-linux-gnu.so",
        "pyarrow/libarrow_s3.so.2600",
        "pyarrow/include/arrow/api.h",
        "pyarrow/tests/test_table.py",
        "botocore/data/ec2/2016-11-15/service-2.json.gz",
    ],
)
def test_what_no_job_loads_is_left_out(name: str) -> None:
    assert is_unused(name)


@pytest.mark.parametrize(
    "name",
    [
        "pyarrow/libarrow_substrait.so.2600",
        "pyarrow/lib.cpython-311-x86_64-linux-gnu.so",
        "boto3/data/s3/2006-03-01/resources-1.json",
        "botocore/data/endpoints.json",
        "botocore/data/kinesis/2013-12-02/service-2.json.gz",
    ],
)
def test_what_pyarrow_and_our_calls_need_stays(name: str) -> None:
    assert not is_unused(name)


def test_the_services_of_aws_that_the_package_calls_stay() -> None:
    called = set()
    for file in Path("lib").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith((".client", "Session.client")):
                called.update(arg.value for arg in node.args[:1] if isinstance(arg, ast.Constant))
    assert {"cloudwatch", "kinesis", "s3"} <= called
    assert called <= SERVICES


def test_a_library_that_pip_cannot_fetch_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(UserError) as refused:
        build_libraries(a_package(tmp_path, "orjson<4,>=3.10"), "ARM64")
    assert re.fullmatch(
        r"pip can't fetch [^\n]* orjson<4,>=3.10: ERROR: [^\n]*; is there a network\?", str(refused.value)
    )
