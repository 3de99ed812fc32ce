from datetime import timedelta

import pytest

from event_lake.lake.untrusted import format_field, format_name
from event_lake.report.wording import (
    format_age,
    format_amount,
    format_duration,
    format_number,
    format_share,
    format_size,
)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0 s"),
        (0.25, "0.2 s"),
        (59.4, "59 s"),
        (90, "1.5 min"),
        (3_600, "1 h"),
        (46 * 3_600, "46 h"),
        (-90, "-1.5 min"),
        (24.3 * 86_400, "24.3 days"),
    ],
)
def test_a_duration_is_in_the_largest_unit_that_fits(seconds: float, expected: str) -> None:
    assert format_duration(seconds) == expected


@pytest.mark.parametrize(
    ("part", "whole", "expected"),
    [
        (0, 10, "0%"),
        (0, 0, "0%"),
        (10, 10, "100%"),
        (1, 1_000_000, "< 0.01%"),
        (999_999, 1_000_000, "99.9%"),
        (1, 80, "1.25%"),
    ],
)
def test_a_share_is_nothing_or_all_only_if_it_is(part: int, whole: int, expected: str) -> None:
    assert format_share(part, whole) == expected


@pytest.mark.parametrize(
    ("count", "expected"),
    [(0, "0.0 kB"), (999_900, "999.9 kB"), (1_000_000, "1.0 MB"), (612_000_000_000, "612.0 GB"), (5e15, "5,000.0 TB")],
)
def test_a_size_is_in_the_largest_unit_that_fits(count: int, expected: str) -> None:
    assert format_size(count) == expected


def test_what_lies_ahead_of_our_clock_is_now() -> None:
    assert format_age(timedelta(seconds=-3)) == "0 s ago"


def test_a_number_has_thousands_separators_and_may_be_unknown() -> None:
    assert (format_number(1_234_567), format_number(None)) == ("1,234,567", "?")


def test_a_name_that_came_with_the_data_is_short_and_printable() -> None:
    assert format_name("x" * 70) == "x" * 59 + "…"
    assert format_name("a\u202eb\x00") == "a·b·"


@pytest.mark.parametrize("text", ["price", "user.e-mail", "address_line_2", "utm_source"])
def test_a_fields_name_that_is_a_word_is_shown(text: str) -> None:
    assert format_field(text) == text


@pytest.mark.parametrize(
    ("text", "expected"), [("anna@example.com", "aaaa@aaaaaaa.aaa"), ("user-4711", "aaaa-9999"), ("né", "aa")]
)
def test_a_fields_name_that_may_be_an_id_is_masked(text: str, expected: str) -> None:
    assert format_field(text) == expected


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (0.9958, "share", "99.58%"),
        (90, "seconds", "1.5 min"),
        (-9.44, "deviations", "-9.4"),
        (1_204, "events", "1,204"),
    ],
)
def test_a_measure_is_told_in_its_unit(value: float, unit: str, expected: str) -> None:
    assert format_amount(value, unit) == expected
