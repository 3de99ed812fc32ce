"""Which partitions a batch opens, and which types get their own."""

from datetime import date

from pyspark.sql import Row

from event_lake.raw.event_types import EventTypes
from event_lake.raw.partitions import BatchPartitions, choose_partitions

FIRST, SECOND = date(2026, 11, 20), date(2026, 11, 21)
NONE = EventTypes((), 500)


def pairs(*counts: tuple[date, str, int], new: bool = True, unseen: int = 0) -> list[Row]:
    """Return rows of `sum_batch` for pairs with such numbers of events; `unseen` more of one event have no row."""
    numbers = [events for _, _, events in counts]
    return [
        Row(
            date=day,
            event_type=name,
            raw=events,
            is_new=new,
            pairs=len(counts) + unseen,
            events=sum(numbers) + unseen,
        )
        for day, name, events in counts
    ]


def test_a_batch_with_room_for_all_its_partitions_keeps_all() -> None:
    known = EventTypes(("a",), 500)
    found = choose_partitions(pairs((FIRST, "b", 1)) + pairs((FIRST, "a", 1), new=False), known, 2)
    assert found == BatchPartitions(types=EventTypes(("a", "b"), 500))


def test_the_partitions_with_most_events_are_kept_and_of_equal_ones_the_first() -> None:
    few = pairs((SECOND, "a", 2), (FIRST, "a", 2), (FIRST, "b", 2), (SECOND, "c", 3))
    found = choose_partitions(few, NONE, 3)
    assert found.kept == {(SECOND, "c"), (FIRST, "a"), (FIRST, "b")}
    assert found.types.own == ("a", "c", "b")


def test_the_choice_does_not_depend_on_the_order_of_the_rows() -> None:
    some = pairs((SECOND, "a", 2), (FIRST, "a", 2), (FIRST, "b", 2), (SECOND, "c", 3))
    assert choose_partitions(some[::-1], NONE, 3) == choose_partitions(some, NONE, 3)


def test_new_types_for_which_there_is_no_room_take_no_partition_from_known_ones() -> None:
    new = pairs((FIRST, "x", 9), (FIRST, "y", 8), (FIRST, "z", 7))
    found = choose_partitions(new + pairs((FIRST, "a", 1), new=False), EventTypes(("a",), 2), 2)
    assert found == BatchPartitions(types=EventTypes(("a", "x"), 2))


def test_a_new_type_gets_in_only_with_a_partition() -> None:
    found = choose_partitions(pairs((FIRST, "a", 1), (FIRST, "b", 2)), NONE, 1)
    assert (found.types.own, found.kept) == (("b",), {(FIRST, "b")})


def test_pairs_that_were_not_collected_are_counted_and_share_the_partition_of_their_date() -> None:
    known = pairs((FIRST, "a", 9), (FIRST, "b", 8), new=False, unseen=2_999_998)
    found = choose_partitions(known, EventTypes(("a", "b", "c"), 3), 2)
    assert found.kept == {(FIRST, "a"), (FIRST, "b")}
    assert found.overflow is not None
    assert found.overflow.startswith(
        "its events are of 3,000,000 pairs of date and event type, more than raw.max_batch_partitions = 2; 2,999,998 of"
    )


def test_a_batch_with_any_number_of_new_types_for_which_there_is_no_room_opens_few_and_says_nothing() -> None:
    new = pairs((FIRST, "x", 9), (FIRST, "y", 8), unseen=2_999_998)
    found = choose_partitions(new + pairs((FIRST, "a", 5), new=False), EventTypes(("a",), 2), 2)
    assert (found.kept, found.overflow) == ({(FIRST, "x"), (FIRST, "a")}, None)
