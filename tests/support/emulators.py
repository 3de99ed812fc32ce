"""Run emulated Kinesis services on loopback for the tests."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from event_lake.config.settings import Lake, Raw, Settings, Source
from event_lake.kinesis.api.client import KinesisClient


@dataclass(frozen=True)
class Stream:
    """An emulated stream."""

    name: str
    endpoint: str

    def client(self) -> KinesisClient:
        """Return a client for the stream."""
        return KinesisClient(self.name, "us-east-1", self.endpoint)

    def put(self, *records: bytes, key: str = "key") -> None:
        """Put records with one partition key, and so into one shard. Fail the test if any is refused."""
        assert self.client().put_records([{"Data": r, "PartitionKey": key} for r in records]) == [None] * len(records)

    def settings(self, root: str, *, max_batch_seconds: int = 3600, raw: Raw | None = None) -> Settings:
        """Return settings to read the stream into the lake at `root`."""
        source = Source(
            stream=self.name,
            region="us-east-1",
            endpoint_url=self.endpoint,
            max_batch_seconds=max_batch_seconds,
        )
        return Settings(source=source, lake=Lake(root=root), raw=raw or Raw())

    def overrides(self, root: str) -> Sequence[str]:
        """Return flags of a job with which it reads the stream into the lake at `root`."""
        values = {
            "source.stream": self.name,
            "source.endpoint_url": self.endpoint,
            "source.max_batch_seconds": "30",
            "lake.root": root,
        }
        return [part for key, value in values.items() for part in ("--set", f"{key}={value}")]


def make_stream(endpoint: str, name: str, shards: int = 4) -> Stream:
    """Make a stream of so many shards in the emulator at `endpoint`."""
    client = boto3.client("kinesis", endpoint_url=endpoint, region_name="us-east-1")
    client.create_stream(StreamName=name, ShardCount=shards)
    return Stream(name, endpoint)


@contextmanager
def moto_endpoint() -> Iterator[str]:
    """Run moto's server on a free port while the block runs; it's for tests in which no shard splits or closes."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def free_port() -> int:
    """Return a port of loopback on which nobody listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def kinesis_local_endpoint() -> Iterator[str]:
    """Run kinesis-local on a free port while the block runs. It splits, merges and closes shards as AWS does.

    Skip the test if it isn't installed.
    """
    folder = Path(__file__).parents[1] / "node_modules" / "kinesis-local"
    if not folder.exists():
        pytest.skip("kinesis-local isn't installed: with node and npm there, make test installs it")
    port, tls_port = free_port(), free_port()
    ports = {
        "KINESIS_MOCK_PLAIN_PORT": str(port),
        "KINESIS_MOCK_TLS_PORT": str(tls_port),
        "LOG_LEVEL": "ERROR",
    }
    server = subprocess.Popen(["node", "main.js"], cwd=folder, env=os.environ | ports, stdout=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        else:
            pytest.fail(f"kinesis-local doesn't answer on {url}")
        yield url
    finally:
        server.kill()
        server.wait()


def wait_until_active(boto: Any, name: str) -> None:
    """Wait until a stream is there and isn't being resharded."""
    while boto.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamStatus"] != "ACTIVE":
        time.sleep(0.1)


def open_shards(boto: Any, name: str) -> list[Any]:
    """Return the shards that weren't split or merged, in the order of their hash keys."""
    shards = boto.list_shards(StreamName=name)["Shards"]
    parents = {shard.get(kind) for shard in shards for kind in ("ParentShardId", "AdjacentParentShardId")}
    childless = [shard for shard in shards if shard["ShardId"] not in parents]
    return sorted(childless, key=lambda shard: int(shard["HashKeyRange"]["StartingHashKey"]))


def split(boto: Any, name: str, shard: Any) -> None:
    """Split one of `open_shards` into two halves, and wait until that is done."""
    hashes = shard["HashKeyRange"]
    middle = (int(hashes["StartingHashKey"]) + int(hashes["EndingHashKey"])) // 2
    boto.split_shard(StreamName=name, ShardToSplit=shard["ShardId"], NewStartingHashKey=str(middle))
    wait_until_active(boto, name)


def merge(boto: Any, name: str, one: Any, other: Any) -> None:
    """Merge two of `open_shards` that are neighbours, and wait until that is done."""
    boto.merge_shards(StreamName=name, ShardToMerge=one["ShardId"], AdjacentShardToMerge=other["ShardId"])
    wait_until_active(boto, name)
