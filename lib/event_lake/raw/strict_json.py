r"""JSON as RFC 8259 has it, in Spark's expressions: no text makes one fail, overflow the stack, or run long.

Spark's reader stops at the end of the first value, so `{"a":1}{"b":2}` passes for `{"a":1}`. So every text is read
with something put behind it that counts only if it's found in its place: a key that no producer knows.

Of a key that comes twice the last counts. Half a surrogate pair (`"\ud800"`) is JSON, but no text that can be written.
Jackson's limit, not ours: what has a key of more than 50,000 characters isn't taken for JSON.
"""

from collections.abc import Sequence
from secrets import token_hex

from pyspark.sql import Column
from pyspark.sql import functions as F

# What nests deeper isn't told from what isn't JSON: each level takes some 60 bytes while it's read.
DEEPEST = 1_000_000

_END = token_hex(16)
_STRICT = {
    "allowSingleQuotes": "false",
    "allowNonNumericNumbers": "false",
    "maxStringLen": str(2**31 - 1),
    "columnNameOfCorruptRecord": "error",
}
_WHITESPACE = " \t\r\n"
# A longer number that isn't only skipped takes time with the square of its digits.
_MAX_NUMBER_LENGTH = {"maxNumLen": "1000"}
_ANY_NUMBER_LENGTH = {"maxNumLen": str(2**31 - 1)}

# Possessive throughout: for what it may have to give back Java's matcher recurses.
NUMBER = r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[eE][-+]?+[0-9]++)?+"
_STRING_OR_NUMBER = rf'"([^"\\]*+(?:\\.[^"\\]*+)*+)"|({NUMBER})'
_LONE_SURROGATE = (
    r"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])"
    r"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2}"
)


def trimmed(text: Column) -> Column:
    """`text` without white space behind it."""
    return F.when(text.endswith("}"), text).otherwise(F.rtrim(text, F.lit(_WHITESPACE)))


def framed(trimmed_text: Column) -> Column:
    """What `first_look` reads; null if the text ends in no brace. Valid UTF-8 if the text is."""
    # In place of the last brace. The key is found at the top only if that brace closes the one object that the text
    # is: otherwise it's in a string, or in another object, or behind the end, or nothing fits together.
    body = F.substring(trimmed_text.cast("binary"), F.lit(1), F.octet_length(trimmed_text) - 1)
    end = F.lit(f',"{_END}":true}}'.encode())
    return F.when(trimmed_text.endswith("}"), F.concat(body, end).cast("string"))


def first_look(framed_text: Column, fields: Sequence[str], *, max_depth: int) -> Column:
    """A struct of `fields` as strings, which mean something if it `is_object`. Costs one parse.

    Numbers are respelled, and half a surrogate pair is a "?".
    """
    schema = [*(f"{name}:string" for name in fields), f"{_END}:boolean", "error:string"]
    return _read(framed_text, schema, max_depth, _MAX_NUMBER_LENGTH)


def is_object(look: Column) -> Column:
    """Whether the text of a `first_look` is one JSON object, without numbers of more than 1,000 digits; not null."""
    # An error within one of the fields leaves the others readable, and shows only here.
    return F.coalesce(look[_END] & look["error"].isNull(), F.expr("false"))


def holds_one_value(text: Column, *, max_depth: int) -> Column:
    """Whether `text` is one JSON value, of no more than `max_depth` levels; null if not. Costs two parses."""

    def is_whole(before: str, after: str) -> Column:
        framed_text = F.concat(F.lit(before), text, F.lit(f'{after},"{_END}":true}}'))
        return _read(framed_text, [f"{_END}:boolean"], max_depth + 2, _ANY_NUMBER_LENGTH)[_END]

    # Values with commas between them, of which all but the first have keys and none has one: that's one value.
    return is_whole('{"value":[', "]") & is_whole('{"value":{"key":', "}")


def begins_with_object(text: Column) -> Column:
    """Whether a complete JSON object comes first in `text`, whatever follows. Costs one parse."""
    return is_brace_first(text) & _read(text, ["error:string"], DEEPEST, _ANY_NUMBER_LENGTH)["error"].isNull()


def is_brace_first(text: Column) -> Column:
    """Whether the first character that is no white space opens an object."""
    return text.rlike(rf"\A[{_WHITESPACE}]*+\{{")


def marked_fields(text: Column, fields: Sequence[str], *, max_depth: int) -> Column:
    """A struct of `<field>x` of a text that is one JSON object, as strings that tell what they were in JSON.

    To be read with `was_string`, `was_number` and `unmarked`. Numbers are spelled as they were, whatever their length;
    half a surrogate pair is a NUL. Rewrites the text, and costs one parse: five times as much as a first look.
    """
    # With no backslash escaped, each one that is left begins an escape.
    escaped = F.replace(text, F.lit(r"\\"), F.lit(r"\u005c"))
    paired = F.when(text.contains(r"\u"), F.regexp_replace(escaped, _LONE_SURROGATE, r"\\u0000")).otherwise(text)
    # "text" becomes "textx", and 1.50 becomes "x1.50".
    marked = F.regexp_replace(paired, _STRING_OR_NUMBER, '"$1x$2"')
    return _read(marked, [f"{name}x:string" for name in fields], max_depth, _ANY_NUMBER_LENGTH)


def was_string(marked: Column) -> Column:
    """Whether a field of `marked_fields` was a string; null where there was none, or null."""
    return marked.endswith("x")


def was_number(marked: Column) -> Column:
    """Whether a field of `marked_fields` was a number; null where there was none, or null."""
    return marked.startswith("x") & ~was_string(marked)


def unmarked(marked: Column) -> Column:
    """The text of a field of `marked_fields` that was a string, number or boolean; else null."""
    return (
        F.when(was_string(marked), F.left(marked, F.length(marked) - 1))
        .when(was_number(marked), F.substring(marked, F.lit(2), F.length(marked)))
        .when(marked.isin("true", "false"), marked)
    )


def _read(text: Column, schema: Sequence[str], max_depth: int, max_number_length: dict[str, str]) -> Column:
    options = {**_STRICT, **max_number_length, "maxNestingDepth": str(max_depth)}
    return F.from_json(text, f"struct<{','.join(schema)}>", options)
