import re
import string

from hypothesis import given
from hypothesis import strategies as st

from event_lake.lake.untrusted import mask
from event_lake.report.masking import MOST_READ, MOST_SHOWN, make_example

# Other letters of the same case, other digits.
_OTHERS = str.maketrans(
    string.ascii_letters + string.digits,
    string.ascii_lowercase[::-1] + string.ascii_uppercase[::-1] + string.digits[::-1],
)
_KEPT = re.compile(r'"(event_uuid|event_name|created_at)"(?=[ \t\r\n]*:)')


@given(st.text())
def test_it_shows_nothing_but_case_digits_and_ascii_punctuation(text: str) -> None:
    shown = _KEPT.sub("", mask(text))
    assert set(shown) <= {*"aA9·\t\n\r ", *string.punctuation}


@given(st.text(st.characters(codec="ascii")))
def test_texts_of_one_shape_look_the_same_whatever_they_say(text: str) -> None:
    assert mask(_KEPT.sub("", text)) == mask(_KEPT.sub("", text).translate(_OTHERS))


@given(st.text())
def test_it_is_as_long_as_the_text(text: str) -> None:
    assert len(mask(text)) == len(text)


@given(st.binary(max_size=3 * MOST_READ))
def test_an_example_of_any_bytes_is_short_and_says_how_long_they_are(data: bytes) -> None:
    shown = make_example(data[:MOST_READ], len(data))
    assert len(shown.text) <= MOST_SHOWN
    assert shown.size == len(data)
    assert shown.is_cut == (len(data.decode(errors="replace")) > MOST_SHOWN)


def test_an_event_keeps_its_structure_and_the_names_of_its_own_fields() -> None:
    event = '{"event_uuid" : "5b2c-Ab", "user": {"email": "Anna.Müller@example.com", "age": 42}, "ok": [true, null]}'
    expected = '{"event_uuid" : "9a9a-Aa", "aaaa": {"aaaaa": "Aaaa.Aaaaaa@aaaaaaa.aaa", "aaa": 99}, "aa": [aaaa, aaaa]}'
    assert mask(event) == expected


def test_a_value_that_reads_like_a_fields_name_is_masked() -> None:
    assert mask('{"a": "event_uuid", "b": event_name}') == '{"a": "aaaaa_aaaa", "a": aaaaa_aaaa}'


def test_what_cannot_be_seen_and_what_turns_the_line_around_are_dots() -> None:
    assert mask("a\x00\x1b[31m\u202eb\u200b😀e\u0301") == "a··[99a·a··a·"


def test_a_character_that_the_cut_halves_is_left_out() -> None:
    assert make_example("xü".encode()[:2], 100).text == "a"


def test_a_character_that_the_record_ends_within_is_a_dot() -> None:
    assert make_example("xü".encode()[:2], 2).text == "a·"
