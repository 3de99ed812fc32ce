"""A lease's record in a folder and in S3, and real processes that want one; see test_lease_s3."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import boto3
import pytest

from event_lake.__main__ import main
from event_lake.aws.s3 import S3Object
from event_lake.errors import UserError
from event_lake.lake.lease import Lease, hold_lease
from event_lake.lake.lease_stores import LeaseStore, LocalFile, lease_store
from event_lake.lake.machine import Machine
from event_lake.lake.stopping import StopRequest

# Ends its lease when its standard input does, or when it's asked to stop.
OWNER = """
import sys, time, threading
from event_lake.lake.lease import hold_lease
from event_lake.lake.lease_stores import lease_store

reading = threading.Thread(target=sys.stdin.read, daemon=True)
with hold_lease(lease_store(sys.argv[1], "raw"), job="ingest_raw", length_seconds=0.3) as lease:
    print("held", flush=True)
    reading.start()
    while reading.is_alive() and not lease.stop_asked_by:
        time.sleep(0.01)
print(lease.stop_asked_by)
"""


@pytest.fixture
def bucket(kinesis_endpoint: str) -> str:
    """A bucket of moto's S3, which answers where its Kinesis does."""
    boto3.client("s3", endpoint_url=kinesis_endpoint).create_bucket(Bucket="lakes")
    return "lakes"


@pytest.fixture(params=["folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path, kinesis_endpoint: str) -> LeaseStore:
    """Of a lake that doesn't exist yet."""
    if request.param == "folder":
        return LocalFile(str(tmp_path / "not yet" / "lake"), "raw")
    bucket = request.getfixturevalue("bucket")
    return S3Object(f"s3://{bucket}/{request.node.name}", "raw", kinesis_endpoint)


def test_a_record_is_created_once_and_replaced_only_at_the_version_that_was_read(store: LeaseStore) -> None:
    assert store.read() is None
    first = store.create(b"1")
    assert first is not None
    assert store.read() == (b"1", first)
    assert store.create(b"2") is None
    second = store.replace(first, b"2")
    assert second not in (None, first)
    assert store.replace(first, b"3") is None
    assert store.read() == (b"2", second)


def test_what_was_removed_is_not_replaced(store: LeaseStore) -> None:
    assert store.replace('"c4ca4238a0b923820dcc509a6f75849b"', b"1") is None
    assert store.read() is None


def test_of_all_who_create_or_replace_a_local_record_one_does(tmp_path: Path) -> None:
    def wins(write: Callable[[LocalFile, bytes], str | None]) -> list[str]:
        one_each = [LocalFile(str(tmp_path), "raw") for _ in range(8)]
        contents = [os.urandom(8) for _ in one_each]
        with ThreadPoolExecutor(8) as pool:
            return [version for version in pool.map(write, one_each, contents) if version]

    [version] = wins(LocalFile.create)
    for _ in range(20):
        [version] = wins(lambda file, content, at=version: file.replace(at, content))


def test_a_record_lies_beside_the_tables(tmp_path: Path, bucket: str, kinesis_endpoint: str) -> None:
    LocalFile(str(tmp_path), "raw").create(b"1")
    S3Object(f"s3://{bucket}/deep/lake", "raw", kinesis_endpoint).create(b"1")
    S3Object(f"s3a://{bucket}", "staging", kinesis_endpoint).create(b"1")
    listed = boto3.client("s3", endpoint_url=kinesis_endpoint).list_objects_v2(Bucket=bucket)["Contents"]
    assert (tmp_path / "_leases" / "raw.json").read_bytes() == b"1"
    assert {"deep/lake/_leases/raw.json", "_leases/staging.json"} <= {found["Key"] for found in listed}


@pytest.mark.parametrize(
    ("root", "kind"),
    [
        ("lake", LocalFile),
        ("/my lake/a:b", LocalFile),
        ("s3://bucket/lake", S3Object),
        ("s3a://bucket", S3Object),
        ("hdfs://name/lake", type(None)),
        ("abfss://container@account.dfs.core.windows.net/lake", type(None)),
        ("dbfs:/lake", type(None)),
        ("dbfs:/mnt/lake", type(None)),
        ("hdfs:/lake", type(None)),
    ],
)
def test_folders_and_s3_have_leases_and_other_storage_has_none(root: str, kind: type) -> None:
    assert type(lease_store(root, "raw")) is kind


@contextmanager
def an_owner(store: LeaseStore, endpoint: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lease until its standard input is closed."""
    environment = os.environ | {"AWS_ENDPOINT_URL_S3": endpoint}
    command = [sys.executable, "-c", OWNER, store.lake]
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def must_not_wait(seconds: float) -> None:
    raise AssertionError(f"waits for {seconds} s")


def test_a_second_process_is_refused_while_the_first_lives(store: LeaseStore, kinesis_endpoint: str) -> None:
    # By a clock that stands still no owner is ever silent for too long.
    watcher = Lease(store, "ingest_raw", length_seconds=0.3, machine=Machine(clock=lambda: 0.0))
    with an_owner(store, kinesis_endpoint) as owner, pytest.raises(UserError) as refused:
        watcher.acquire()
    assert f"lake {store.lake}: ingest_raw on host {socket.gethostname()}, pid {owner.pid}, since" in str(refused.value)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone tells what a process id of an earlier time means")
def test_a_killed_process_is_succeeded_at_once(store: LeaseStore, kinesis_endpoint: str) -> None:
    with an_owner(store, kinesis_endpoint) as owner:
        owner.send_signal(signal.SIGKILL)
        owner.wait()
    lease = Lease(store, "ingest_raw", machine=Machine(sleep=must_not_wait))
    lease.acquire()
    lease.check()


def test_a_process_that_ended_is_succeeded_at_once_wherever_it_ran(store: LeaseStore, kinesis_endpoint: str) -> None:
    with an_owner(store, kinesis_endpoint) as owner:
        owner.communicate()
        assert owner.returncode == 0
    Lease(store, "ingest_raw", machine=Machine(pid_space="another", sleep=must_not_wait)).acquire()


def test_a_process_that_is_asked_to_stop_learns_who_asked_and_its_end_is_seen(
    store: LeaseStore, kinesis_endpoint: str
) -> None:
    with an_owner(store, kinesis_endpoint) as owner:
        # As from another machine, where no process id tells who lives.
        request = StopRequest(store, by="alice on laptop", machine=Machine(pid_space="another"))
        request.ask()
        result = request.await_end(timedelta(minutes=1))
        out, _ = owner.communicate()
    assert (result.was_running, owner.returncode) == (True, 0)
    assert " ended at 20" in str(result)
    assert out.startswith("alice on laptop at 20")


def test_the_command_says_how_the_job_ended_and_2_where_there_never_was_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lease = Lease(LocalFile(str(tmp_path), "staging"), "build_staging")
    lease.acquire()
    lease.release()
    flags = ["--config", "conf/local.toml", "--set", f"lake.root={tmp_path}"]
    assert main(["stop", *flags, "staging"]) == 0
    told = capsys.readouterr()
    assert told.out.startswith("build_staging on host ")
    assert " was not running: it ended at 20" in told.out
    assert main(["stop", *flags]) == 2
    assert capsys.readouterr() == (
        "",
        f"event-lake stop: UserError: lake {tmp_path}: no job has ever written this layer; check lake.root\n",
    )


def test_of_two_layers_the_command_tells_of_the_one_that_ended_though_the_other_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--config", "conf/local.toml", "--set", f"lake.root={tmp_path}", "--timeout", "1 second"]
    ended = Lease(LocalFile(str(tmp_path), "staging"), "build_staging")
    ended.acquire()
    ended.release()
    with hold_lease(LocalFile(str(tmp_path), "raw"), job="ingest_raw", length_seconds=0.6):
        assert main(["stop", *flags, "raw", "staging"]) == 4
    told = capsys.readouterr()
    assert told.out.startswith("build_staging on host ")
    assert "was asked to stop, and goes on after" in told.err


def test_a_lake_whose_folder_cannot_be_made_is_the_users_to_fix(tmp_path: Path) -> None:
    (tmp_path / "lake").write_bytes(b"")
    root = str(tmp_path / "lake")
    with pytest.raises(UserError) as refused:
        LocalFile(root, "raw").create(b"1")
    assert str(refused.value) == f"lake {root}: {root}/_leases: Not a directory; check lake.root and its disk"
