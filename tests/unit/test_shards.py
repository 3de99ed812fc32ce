import pytest

from event_lake.kinesis.offsets import After, At, Closed, Position, TrimHorizon
from event_lake.kinesis.shards import Lineage, Shard
from support.fake_shards import T0

BEGIN, READ, DONE = TrimHorizon(), After("5"), Closed("9")

# "a" was split into "b" and "c", which were merged into "d"; "z" has nothing to do with them.
FAMILY = Lineage(
    [Shard("z"), Shard("d", ("b", "c")), Shard("c", ("a",)), Shard("b", ("a",)), Shard("a")],
)
SPLIT = Lineage([Shard("a"), Shard("b", ("a",)), Shard("c", ("a",))])
# An answer from before the children were there.
OLD = Lineage([Shard("a"), Shard("z")])


def _name(value: object) -> str:
    """The same in each process that collects the tests."""
    return ",".join(value.shard_ids) if isinstance(value, Lineage) else str(value)


def test_shards_are_known_by_their_ids_in_order() -> None:
    assert FAMILY.shard_ids == ["a", "b", "c", "d", "z"]
    assert ("a" in FAMILY, "e" in FAMILY) == (True, False)


@pytest.mark.parametrize(
    ("positions", "readable"),
    [
        ({"a": BEGIN, "b": BEGIN, "c": BEGIN, "d": BEGIN}, {"a": BEGIN}),
        ({"a": READ, "b": BEGIN, "c": BEGIN, "d": BEGIN}, {"a": READ}),
        ({"a": DONE, "b": BEGIN, "c": BEGIN, "d": BEGIN}, {"b": BEGIN, "c": BEGIN}),
        ({"a": DONE, "b": READ, "c": DONE, "d": BEGIN}, {"b": READ}),
        ({"a": DONE, "b": Closed(), "c": Closed(), "d": BEGIN}, {"d": BEGIN}),
        ({"b": BEGIN, "c": DONE, "d": BEGIN}, {"b": BEGIN}),
        ({"d": At(T0), "z": READ}, {"d": At(T0), "z": READ}),
        ({"a": DONE}, {}),
    ],
    ids=str,
)
def test_a_child_is_readable_once_each_parent_that_there_is_is_read_to_its_end(
    positions: dict[str, Position], readable: dict[str, Position]
) -> None:
    assert FAMILY.readable(positions) == readable


def test_what_is_readable_comes_in_the_order_of_the_ids() -> None:
    assert list(FAMILY.readable({"z": BEGIN, "d": BEGIN})) == ["d", "z"]


def test_a_shard_that_an_old_answer_lacks_stays_readable() -> None:
    assert OLD.readable({"b": READ}) == {"b": READ}


def test_children_whose_parents_have_expired_are_read_like_any_shard() -> None:
    assert Lineage([Shard("d", ("b", "c"))]).readable({"d": BEGIN}) == {"d": BEGIN}


@pytest.mark.parametrize(
    ("lineage", "positions", "grown"),
    [
        (SPLIT, {}, {"a": BEGIN, "b": BEGIN, "c": BEGIN}),
        (SPLIT, {"a": DONE}, {"a": DONE, "b": BEGIN, "c": BEGIN}),
        # Its parent isn't listed any more: it was read to its end.
        (Lineage([Shard("b", ("a",))]), {"a": DONE}, {"b": BEGIN}),
        # An old answer lacks what is being read, and shows again what was read long ago.
        (OLD, {"b": READ}, {"b": READ, "a": BEGIN, "z": BEGIN}),
        (SPLIT, {"b": READ, "c": READ}, {"b": READ, "c": READ}),
        (SPLIT, {"b": READ}, {"b": READ, "c": BEGIN}),
        (FAMILY, {"d": READ, "z": READ}, {"d": READ, "z": READ}),
        (FAMILY, {"d": DONE}, {"d": DONE, "z": BEGIN}),
    ],
    ids=_name,
)
def test_new_shards_begin_at_their_beginnings_and_those_long_read_leave(
    lineage: Lineage, positions: dict[str, Position], grown: dict[str, Position]
) -> None:
    assert lineage.with_listed_shards(positions) == grown


@pytest.mark.parametrize(
    ("lineage", "positions", "lacks"),
    [
        (OLD, {"a": READ, "z": READ}, False),
        (OLD, {"a": DONE, "z": READ}, True),
        (OLD, {"gone": DONE}, False),
        (SPLIT, {"a": DONE}, False),
        (SPLIT, {"a": DONE, "b": DONE}, True),
        (FAMILY, {"a": DONE, "b": DONE, "c": DONE}, False),
    ],
    ids=_name,
)
def test_a_closed_shard_without_children_tells_an_old_answer(
    lineage: Lineage, positions: dict[str, Position], *, lacks: bool
) -> None:
    assert lineage.lacks_children(positions) is lacks


@pytest.mark.parametrize(
    ("shard_id", "among", "has"),
    [
        ("a", "d", True),
        ("a", "c", True),
        ("a", "a", False),
        ("c", "d", True),
        ("d", "abc", False),
        ("z", "abcd", False),
    ],
)
def test_descendants_are_found_over_any_number_of_reshards(shard_id: str, among: str, *, has: bool) -> None:
    assert FAMILY.has_descendant_in(shard_id, dict.fromkeys(among, BEGIN)) is has
