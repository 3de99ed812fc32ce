"""Keep numbers in texts and decimals as they were sent. As text, Spark's JSON reader gives what a double makes of them.

So `1.10` would become `1.1`, `1e400` the text `"Infinity"` with its quotes, and a fraction of 23 digits one of 17.
Where that may have happened, the payload is read again with its numbers as strings, each marked by a character before
it.

The expressions are written in SQL: to build them from functions takes a call to Java for each, which would be 0.3 s for
a contract of 15 columns.
"""

from collections.abc import Mapping, Sequence

from event_lake.json_reader import Path
from event_lake.staging.places import Places

# The kinds of columns whose numbers must be as they were sent.
STRING, STRINGS, DECIMAL = "string", "array<string>", "decimal"

# Characters that no text has that is meant to be exchanged. Source: the Unicode standard, section 23.7. A payload that
# has them all the same gets `_OTHER` and a digit in their place, until its values are read.
_MARK, _END, _OTHER = "\ufdd1", "\ufdd2", "\ufdd3"
_RESPELLED = {_OTHER: f"{_OTHER}3", _MARK: f"{_OTHER}1", _END: f"{_OTHER}2"}
# A string without escaped quotes, or a number. A match takes a string as a whole, so no number is found inside.
_TOKENS = r'("[^"]*+")|(-?[0-9][-+.0-9eE]*+)'
# Texts that a double may have given: a number with a point, infinity, and an array or object with one of them. Java
# writes all doubles with a point.
_FROM_DOUBLE = r'\A(?:-?[0-9]++\.[0-9]++(?:E-?[0-9]++)?\z|"-?Infinity"\z|[\[{](?s:.*)(?:[0-9]\.[0-9]|Infinity))'
# A number with a point or an exponent that Java doesn't write as it stands here: it writes numbers from 0.001 to 10
# million without an exponent, with the fewest digits, and at least one after the point. A double holds 15 digits.
_AS_JAVA_WRITES = r"(?!0\.000)(?:0|[1-9][0-9]{0,6})\.(?:[0-9]{0,7}[1-9]|0)[ \t\r\n,\]}]"
_UNUSUAL = rf"[:,\[][ \t\r\n]*+-?+(?=[0-9]++[.eE])(?!{_AS_JAVA_WRITES})"


def unbend(read: str, tree: Places, kinds: Mapping[Path, str]) -> str:
    """Return the struct `read`, which `tree` read of the column `payload`, with numbers as they were sent, in SQL.

    `kinds` are those of the places that hold texts or decimals. All other places stay as they are.
    """
    marked_tree = Places(list(kinds))
    arrays = [path for path, kind in kinds.items() if kind == STRINGS]
    marked = marked_tree.read_in_sql(_mark_numbers("payload"), arrays)

    def change(path: Path, value: str) -> str:
        if path not in kinds:
            return value
        text = f"marked.{marked_tree.name(path)}"
        exact = {
            STRING: _unmark(text),
            STRINGS: f"transform({text}, member -> {_unmark('member')})",
            DECIMAL: f"cast({_unmark(text)} as variant)",
        }
        return f"coalesce({exact[kinds[path]]}, {value})"

    changed = f"transform(array({marked}), marked -> {tree.change_in_sql(read, change)})[0]"
    return f"if({_may_be_bent(read, tree, kinds)}, {changed}, {read})"


def _may_be_bent(read: str, tree: Places, kinds: Mapping[Path, str]) -> str:
    """Return the condition that Spark may have read a text or decimal from a number by way of a double."""
    places = {kind: [f"{read}.{tree.name(path)}" for path in kinds if kinds[path] == kind] for kind in kinds.values()}
    arrays = [f"coalesce({place}, array())" for place in places.get(STRINGS, ())]
    texts = f"concat({', '.join([f'array({_joined(places.get(STRING, ()))})', *arrays])})"
    # Nearly all rows are done with the first comparisons, which are cheap.
    is_from_double = f"(contains(text, '.') or contains(text, 'Infinity')) and text rlike r'{_FROM_DOUBLE}'"
    conditions = [f"exists({texts}, text -> {is_from_double}) and payload rlike r'{_UNUSUAL}'"]
    conditions += [f"schema_of_variant({place}) = 'DOUBLE'" for place in places.get(DECIMAL, ())]
    return f"coalesce({' or '.join(conditions)}, false)"


def _joined(texts: Sequence[str]) -> str:
    return ", ".join(texts) or "cast(null as string)"


def _mark_numbers(payload: str) -> str:
    """Return the JSON `payload` with each number as a string, marked."""
    # Escaped backslashes and quotes are spelled in another way first, so that each quote begins or ends a string.
    marked = f"replace(replace({payload}, r'\\\\', r'\\u005c'), r'\\\"', r'\\u0022')"
    for character, respelled in _RESPELLED.items():
        marked = f"replace({marked}, '{character}', '{respelled}')"
    marked = f"regexp_replace({marked}, r'(?i)\\\\ufdd([123])', '{_OTHER}$1')"
    marked = f"regexp_replace({marked}, r'{_TOKENS}', '$1{_MARK}$2{_END}')"
    for old, new in ((_MARK + _END, ""), (_MARK, f'"{_MARK}'), (_END, '"')):
        marked = f"replace({marked}, '{old}', '{new}')"
    return marked


def _unmark(text: str) -> str:
    """Return the `text` of a value of `_mark_numbers`' payload as the value was before: its numbers aren't strings."""
    unmarked = f"regexp_replace({text}, r'\"?{_MARK}([^\"]*+)\"?', '$1')"
    for character, respelled in reversed(_RESPELLED.items()):
        unmarked = f"replace({unmarked}, '{respelled}', '{character}')"
    return unmarked
