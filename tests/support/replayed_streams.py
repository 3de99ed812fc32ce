"""A replayed stream that answers ListShards in several pages, and credentials for its clients."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from benchmarks.replay import Body, Replay, serve

REGION = "eu-west-1"


class Stream(Replay):
    """A replay that lists `listed_at_once` shards a page."""

    listed_at_once = 2

    def answer(self, action: str, request: Mapping[str, Any], now_ms: int) -> Body:
        if action == "ListShards":
            shards: Sequence[Any] = json.loads(b"".join(super().answer(action, request, now_ms)))["Shards"]
            first = int(request.get("NextToken", 0))
            answer: dict[str, Any] = {"Shards": shards[first : first + self.listed_at_once]}
            if first + self.listed_at_once < len(shards):
                answer["NextToken"] = str(first + self.listed_at_once)
            return [json.dumps(answer).encode()]
        return super().answer(action, request, now_ms)


@contextmanager
def any_credentials() -> Iterator[None]:
    """Set credentials in the environment while the block runs: the SDK signs whatever it sends."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ACCESS_KEY_ID", "any")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "any")
        yield


__all__ = ["REGION", "Stream", "any_credentials", "serve"]
