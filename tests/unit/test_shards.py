import pytest

from event_lake.errors import UserError
from event_lake.kinesis.shards import Shard, readable_shards

REMEDY = (
    ": this version reads streams whose shards stay as they are; start with a stream, or after the"
    " retention of a reshard, without closed shards"
)


def refusal(listed: list[Shard], known: list[str] | None = None) -> str:
    with pytest.raises(UserError) as refused:
        readable_shards("events", listed, known)
    return str(refused.value)


def test_open_shards_without_parents_are_read_in_the_order_of_their_ids() -> None:
    assert readable_shards("events", [Shard("s-2"), Shard("s-0"), Shard("s-1")]) == ["s-0", "s-1", "s-2"]


def test_children_whose_parents_have_expired_are_read_like_any_shard() -> None:
    assert readable_shards("events", [Shard("s-2", parents=("s-0", "s-1"))]) == ["s-2"]


def test_the_shards_of_an_earlier_batch_go_on() -> None:
    assert readable_shards("events", [Shard("s-1"), Shard("s-0")], ["s-0", "s-1"]) == ["s-0", "s-1"]


def test_a_closed_shard_is_refused() -> None:
    assert refusal([Shard("s-0", closed=True)]) == f"stream 'events' was resharded (s-0){REMEDY}"


def test_a_split_is_refused_and_names_parent_and_children() -> None:
    listed = [Shard("s-0", closed=True), Shard("s-2", parents=("s-0",)), Shard("s-1", parents=("s-0",))]
    assert refusal(listed) == f"stream 'events' was resharded (s-0, s-1, s-2){REMEDY}"


def test_a_merge_is_refused_while_one_parent_is_left() -> None:
    listed = [Shard("s-1", closed=True), Shard("s-2", parents=("s-0", "s-1"))]
    assert refusal(listed) == f"stream 'events' was resharded (s-1, s-2){REMEDY}"


def test_a_shard_that_an_earlier_batch_did_not_know_is_refused() -> None:
    assert refusal([Shard("s-0"), Shard("s-1")], ["s-0"]) == f"stream 'events' was resharded (s-1){REMEDY}"


def test_a_shard_that_is_gone_is_refused() -> None:
    assert refusal([Shard("s-0")], ["s-0", "s-1"]) == f"stream 'events' was resharded (s-1){REMEDY}"
