"""What an event is: the rules for its three fields."""

import re
from string import ascii_letters, digits

from pyspark.sql import Column
from pyspark.sql import functions as F

from event_lake.config import Raw
from event_lake.raw.strict_json import NUMBER

FIELDS = ("event_uuid", "event_name", "created_at")
MAX_UUID_LENGTH = 256

# The text of numbers, true and false, which strings may look like.
_MAYBE_NO_STRING = r"(?:true|false|[-+.0-9eE]++)\z"


def number_in(text: Column) -> Column:
    """The number that `text` is, as JSON spells numbers; else null. What's beyond a double is infinite."""
    return F.when(text.rlike(rf"\A{NUMBER}\z"), text.try_cast("double"))


def seconds_in(number: Column, rules: Raw) -> Column:
    """The Unix seconds that `number` means; null from 1,000 times `milliseconds_from` on, or below its negative."""
    amount = F.abs(number)
    return F.when(amount < rules.milliseconds_from, number).when(
        amount < 1000.0 * rules.milliseconds_from, number / 1000
    )


def is_in_future(seconds: Column, arrived_at: Column, rules: Raw) -> Column:
    """Whether `seconds` is more than `max_future` ahead of the arrival."""
    return seconds > arrived_at.cast("double") + rules.max_future.total_seconds()


def is_too_old(seconds: Column, arrived_at: Column, rules: Raw) -> Column:
    """Whether `seconds` is more than `max_age` behind the arrival, or before 1970, however long `max_age`."""
    return (seconds < arrived_at.cast("double") - rules.max_age.total_seconds()) | (seconds < 0)


def is_common_uuid(text: Column) -> Column:
    """Whether `text`, read by `strict_json.first_look`, is an `event_uuid` that surely was a string."""
    # The usual form is told twice as fast as by a regular expression.
    is_hex = F.octet_length(F.unhex(F.replace(text, F.lit("-"), F.lit("")))) == 16
    return ((F.octet_length(text) == 36) & is_hex) | text.rlike(
        rf"\A(?!{_MAYBE_NO_STRING})[\w.:/=+@#~-]{{1,{MAX_UUID_LENGTH}}}+\z"
    )


def is_common_name(text: Column, rules: Raw) -> Column:
    """Whether `text`, read by `strict_json.first_look`, is an `event_name` that surely was a string."""
    return text.rlike(rf"\A(?!__|[-+.0-9]|true\z|false\z){_name_parts(rules)}\z")


def is_malformed_uuid(text: Column) -> Column:
    """Whether a string, read by `strict_json.marked_fields`, can't be an `event_uuid`."""
    # A NUL, which many readers end a text at, stands for itself and for what can't be written as UTF-8.
    return (F.length(text) > MAX_UUID_LENGTH) | F.contains(text, F.lit("\0"))


def is_malformed_name(text: Column, rules: Raw) -> Column:
    """Whether a string can't be an `event_name`.

    The first part may be "." or "..": the folder is `event_type=..`, and no way up. Names of partitions that begin
    with "__" are Hive's and ours.
    """
    return ~text.rlike(rf"\A(?!__){_name_parts(rules)}\z")


def _name_parts(rules: Raw) -> str:
    # Each character by itself: Java looks them up in one table, and ranges one after the other.
    characters = re.escape(ascii_letters + digits + rules.name_characters)
    part = f"[{characters}]{{1,{rules.max_name_part_length}}}+"
    return f"{part}(?::{part}){{0,{rules.max_name_parts - 1}}}+"
