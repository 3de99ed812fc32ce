"""The commands of docs/how-to/emr.md, word by word in one shell, with emulators in the place of AWS."""

import gzip
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

import boto3
import pytest

from event_lake.lake.lease_record import LeaseRecord
from support.documents import Block, blocks_of
from support.emr_applications import runs_of, set_release
from support.emulators import moto_endpoint

pytestmark = pytest.mark.documents
DOCUMENT = Path("docs/how-to/emr.md")
FILES = [block for block in blocks_of(DOCUMENT, "json", "toml") if len(block.words) > 1]
COMMANDS = blocks_of(DOCUMENT, "sh")
REGION = "eu-central-1"
# What a run leaves that has ended.
ENDED = LeaseRecord(
    job="ingest_raw", host="a", pid_space="", pid=1, owner="b", acquired_at="", length_seconds=60, released=True
)


class Account:
    """An account of AWS, and what happens in it by itself while somebody follows the document in `folder`."""

    def __init__(self, endpoint: str, folder: Path) -> None:
        self._endpoint, self._folder = endpoint, folder

    def runs(self) -> list[tuple[str, dict[str, Any]]]:
        """The job runs, each behind its application."""
        return [(one, run) for one in self._applications() for run in runs_of(self._endpoint, one, REGION)]

    def go_on(self) -> None:
        """The application is of the release that was asked for, its id is in emr.toml, and its runs leave what runs do.

        That is a driver's log, and the lease of the raw layer.
        """
        set_release("emr-spark-8.2.0", REGION)
        file = self._folder / "emr.toml"
        for application in self._applications():
            file.write_text(file.read_text("utf-8").replace("00f1abcdefgh2i0j", application), "utf-8")
        s3 = boto3.client("s3", endpoint_url=self._endpoint, region_name=REGION)
        for application, run in self.runs():
            key = f"emr-logs/applications/{application}/jobs/{run['jobRunId']}/SPARK_DRIVER/stderr.gz"
            s3.put_object(Bucket="example-lake", Key=key, Body=gzip.compress(b"a line of the driver\n"))
            s3.put_object(Bucket="example-lake", Key="events/_leases/raw.json", Body=ENDED.as_json())

    def _applications(self) -> list[str]:
        service = boto3.client("emr-serverless", endpoint_url=self._endpoint, region_name=REGION)
        return [str(one["id"]) for one in service.list_applications()["applications"]]


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, list[str]], Account]]:
    """By block the lines that it prints, one that begins with "failed: " for each command that fails; the account."""
    folder = tmp_path_factory.mktemp("followed")
    for name in ("conf", "dist", "jobs"):
        (folder / name).symlink_to(Path(name).absolute())
    for block in FILES:
        (folder / block.words[1]).write_text(block.text, "utf-8")
    (folder / ".venv/bin").mkdir(parents=True)
    for name, command in (
        (".venv/bin/python", f'exec {sys.executable} "$@"'),
        (".venv/bin/event-lake", f'exec {sys.executable} -m event_lake "$@"'),
        (".venv/bin/aws", f'exec {sys.executable} -m support.aws_command "$@"'),
        (".venv/bin/make", 'test "$*" = package'),  # dist is there
    ):
        (folder / name).write_text(f"#!/bin/sh\n{command}\n", "utf-8")
        (folder / name).chmod(0o755)
    with moto_endpoint() as endpoint:
        environment = os.environ | {
            "AWS_ENDPOINT_URL": endpoint,
            "PATH": f"{folder / '.venv/bin'}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join(str(Path(name).absolute()) for name in ("lib", "tests", ".")),
        }
        del environment["AWS_DEFAULT_REGION"]
        account = Account(endpoint, folder)
        shell = Popen(["bash"], cwd=folder, env=environment, stdin=PIPE, stdout=PIPE, text=True)
        assert shell.stdin
        said = {}
        with shell:
            shell.stdin.write("exec 2>&1; trap 'echo \"failed: $BASH_COMMAND\"' ERR\n")
            for block in COMMANDS:
                said[str(block)] = list(_lines_of(shell, block))
                account.go_on()
        yield said, account


def _lines_of(shell: Popen[str], block: Block) -> Iterator[str]:
    assert shell.stdin
    assert shell.stdout
    print(f"{block.text}\necho 'the block has ended'", file=shell.stdin, flush=True)
    for line in shell.stdout:
        if line == "the block has ended\n":
            return
        yield line.rstrip()
    raise AssertionError(f"{block} ended the shell")


@pytest.mark.parametrize("block", COMMANDS, ids=str)
def test_each_command_can_be_given(block: Block, followed: tuple[dict[str, list[str]], Account]) -> None:
    said = followed[0][str(block)]
    assert [line for line in said if line.startswith("failed: ")] == [], said


def test_the_runs_that_the_document_tells_of_are_started(followed: tuple[dict[str, list[str]], Account]) -> None:
    submits = [(run["name"], run["jobDriver"]["sparkSubmit"]) for _, run in followed[1].runs()]
    assert [
        " ".join([Path(one["entryPoint"]).name, *one["entryPointArguments"]]).removesuffix(f" --run-id {name}")
        for name, one in submits
    ] == [
        "ingest_raw.py --config conf/prod.toml",
        "ingest_raw.py --config conf/prod.toml",
        "build_staging.py --config conf/prod.toml",
        "reconcile.py --config conf/prod.toml",
        "check_quality.py --config conf/prod.toml",
        "ingest_raw.py --config conf/prod.toml --acknowledge 17 --until-caught-up",
    ]


def test_the_watched_run_says_what_the_document_says(followed: tuple[dict[str, list[str]], Account]) -> None:
    said = [line for lines in followed[0].values() for line in lines]
    assert any("attempt 1: SUCCESS" in line for line in said)
    assert "a line of the driver" in said
    assert '  "mode": "STREAMING",' in said
    assert any(line.endswith("is asked to end within 600 s; status --wait tells when it has") for line in said)
