"""What an event's name may hold, and the folders that its type names."""

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_lake.config.event_names import ANY, part_pattern
from event_lake.config.settings import Raw
from event_lake.config.type_folders import fits_partition, fits_table, folder_of, type_of
from event_lake.errors import ConfigError
from event_lake.events.rules import Rules

RULES = Rules.of(Raw(name_characters=ANY))
SAFE = set(string.ascii_letters + string.digits + "_.-+@~!$,()")
# What Spark's ExternalCatalogUtils.escapePathName escapes, without control characters.
ESCAPED_BY_SPARK = set("\"#%'*/:=?\\{[]^")

types = st.text(
    st.one_of(st.sampled_from("aA_.=/%é字😀 \u200d`'$"), st.characters(exclude_categories=["Cs"])),
    min_size=1,
    max_size=30,
)


@pytest.mark.parametrize(
    "name",
    [
        "Order Completed",
        "com.acme/link_click",
        "Größe:neu",
        "注文:完了",
        "\u0645\u06cc\u200c\u062e",
        "👩\u200d👩\u200d👧:🏴\U000e0067\U000e0062\U000e007f",
        "Commande\u00a0validée",
        "e\u0301",
        "a ",
        " ",
        ".",
        "..",
        "_a",
        "a/../b",
        "%2F",
        "a=b",
        "*?{}[]#\"'\\`^<>|&;$",
        # Nobody has assigned it yet, so some versions of Python don't call it printable.
        "\u0378",
        "\ufffd",
        "😀" * 100,
        ":".join("字" * 100 for _ in range(8)),
    ],
)
def test_any_takes_every_printable_name(name: str) -> None:
    assert RULES.is_name(name)


@pytest.mark.parametrize(
    "character",
    [
        *"\0\t\n\r\x1b\x7f\x80\x85\x9f",
        *"\u2028\u2029\ufeff\ufdd0\ufdef\ufffe\uffff\U0001ffff\U0010fffe",
        *"\u061c\u200e\u200f\u202a\u202e\u2066\u2069\ud800\udfff",
    ],
)
def test_any_takes_nothing_that_breaks_a_line_or_turns_its_direction_or_is_no_character(character: str) -> None:
    assert not RULES.is_name(f"a{character}b")
    assert not RULES.is_name(f"a:{character}")


@pytest.mark.parametrize("name", ["", ":", "a:", ":a", "a::b", "__", "__a", "__other__:x", "字" * 101, "a:" * 8 + "a"])
def test_any_keeps_to_the_shape_of_names(name: str) -> None:
    assert not RULES.is_name(name)


def test_other_characters_than_those_listed_need_any() -> None:
    with pytest.raises(ConfigError, match=r"\(\), or \"any\", which takes every printable character"):
        Raw(name_characters="_ /")
    assert not Rules.of(Raw(name_characters="_")).is_name("a b")


def test_each_character_of_the_default_matches_itself_alone() -> None:
    part = re.compile(part_pattern("_.-"))
    assert {chr(code) for code in range(0x3000) if part.fullmatch(chr(code))} == set(
        string.ascii_letters + "_.-0123456789"
    )


def test_types_with_partitions_of_their_own_may_have_any_name_that_events_may_have() -> None:
    names = ("Order Completed", "com.acme/link_click", "Größe", "字" * 81)
    assert Raw(name_characters=ANY, event_types=names).event_types == names
    for name in ("a:b", "", "__a", "a\n", "a" * 101):
        with pytest.raises(ConfigError, match="no event's name can begin with it, see raw"):
            Raw(name_characters=ANY, event_types=(name,))
    with pytest.raises(ConfigError, match="no event's name can begin with it"):
        Raw(event_types=("Order Completed",))
    with pytest.raises(ConfigError, match="its folder would have more than 255 bytes; leave it out"):
        Raw(name_characters=ANY, event_types=("字" * 82,))


@given(types)
def test_a_folder_tells_its_type(event_type: str) -> None:
    assert type_of(folder_of(event_type)) == event_type


@given(types)
def test_a_folders_name_is_safe_on_every_disk(event_type: str) -> None:
    folder = folder_of(event_type)
    assert set(folder) <= SAFE | {"="}
    assert folder[0] not in "._"


@given(types, st.data())
def test_two_folders_differ_in_capitals_only_if_the_types_do(one: str, data: st.DataObject) -> None:
    is_swapped = data.draw(st.lists(st.booleans(), min_size=len(one), max_size=len(one)))
    other = "".join(c.swapcase() if swap else c for c, swap in zip(one, is_swapped, strict=True))
    is_ascii_alike = all(c == d or (c.isascii() and d.isascii()) for c, d in zip(one, other, strict=False))
    is_alike = len(one) == len(other) and is_ascii_alike
    assert (folder_of(one).lower() == folder_of(other).lower()) is is_alike


@given(st.text(st.sampled_from(sorted(SAFE)), min_size=1, max_size=100))
def test_a_type_that_could_have_a_table_before_has_the_folder_that_it_had(event_type: str) -> None:
    assert (folder_of(event_type) == event_type) is (event_type[0] not in "._")


@pytest.mark.parametrize(
    ("event_type", "folder"),
    [
        ("Order Completed", "Order=20Completed"),
        ("com.acme/link_click", "com.acme=2Flink_click"),
        ("Größe", "Gr=C3=B6=C3=9Fe"),
        ("a=b", "a=3Db"),
        ("%2F", "=252F"),
        ("..", "=2E."),
        ("_a", "=5Fa"),
    ],
)
def test_what_could_be_unsafe_is_escaped_byte_by_byte(event_type: str, folder: str) -> None:
    assert folder_of(event_type) == folder


@pytest.mark.parametrize(
    "folder", ["", "_a", ".a", "a=", "a=2", "a=zz", "a=2f", "a=41", "=FF", "=", "a b", "é", "=2E=2E"]
)
def test_a_folder_that_no_type_has_is_none(folder: str) -> None:
    assert type_of(folder) is None


@given(types)
def test_a_partition_that_fits_has_at_most_255_bytes_as_spark_escapes_it(event_type: str) -> None:
    escaped = "".join(f"%{ord(c):02X}" if c in ESCAPED_BY_SPARK or c < " " else c for c in event_type * 8)
    if fits_partition(event_type * 8):
        assert len(f"event_type={escaped}".encode()) <= 255


@pytest.mark.parametrize(("character", "most"), [("a", 244), ("é", 122), ("字", 81), ("😀", 61), ("%", 81), (" ", 81)])
def test_the_longest_names_have_no_partition(character: str, most: int) -> None:
    assert fits_partition(character * most)
    assert not fits_partition(character * (most + 1))


@pytest.mark.parametrize(("character", "most"), [("a", 250), ("é", 41), ("字", 27), ("😀", 20), ("%", 83)])
def test_the_longest_names_have_no_table_as_their_contracts_file_would_have_more_than_255_bytes(
    character: str, most: int
) -> None:
    assert fits_table(character * most)
    assert not fits_table(character * (most + 1))
    assert most * len(folder_of(character)) <= 255 - len(".toml")
