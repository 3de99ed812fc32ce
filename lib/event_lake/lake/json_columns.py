"""Read the JSON texts of a column as Spark's variants, and tell texts apart that say different things."""

from pyspark.sql import Column
from pyspark.sql import functions as F

# An escape of one half of a surrogate pair without the other, like \ud83d before a quote. The backslashes before it
# come in pairs, or else they would be a part of a text about escapes.
_HALF_PAIR = (
    r"(?<!\\)((?:\\\\)*+)(?:\\u([dD][89aAbB][0-9a-fA-F]{2})(?!\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    r"|(?<!\\u[dD][89aAbB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2}))"
)
# A character that no text has that is meant to be exchanged. Source: the Unicode standard, section 23.7.
_NO_CHARACTER = "\ufdd0"
# A number that a variant may not tell from all others: 16 characters, the point included, and an exponent; an exponent
# of three digits; or more characters than the 38 digits that a variant keeps. (Groups in place of the sets would take
# memory for each digit.)
_INEXACT = r"[:,\[\s]-?(?:[0-9.]{16,}+[eE]|[0-9.]*+[eE][-+]?[0-9]{3}|[0-9.]{39,}+)"


def make_readable(text: Column) -> Column:
    """Return the JSON `text` with U+FFFD for each half of a surrogate pair, because of which no variant can be made.

    JSON allows such halves (RFC 8259, section 8.2). Producers cut texts between the two halves.
    """
    return F.regexp_replace(text, _HALF_PAIR, r"$1\\ufffd")


def parse_variant(text: Column) -> Column:
    """Return the JSON `text` as a variant, with U+FFFD for halves of surrogate pairs; null if Spark can't make one.

    Spark can't if an object has a key twice, or if the text is too large.
    """
    return F.try_parse_json(make_readable(text))


def fingerprint(text: Column) -> Column:
    """Return a hash (SHA-256) that two JSON texts share if they say the same, and that nobody can make others share.

    The order of keys, spacing, and the spelling of characters and numbers make no difference, but for the capitals in
    half a surrogate pair's digits. They do in texts of which
    Spark can't make a variant, and in those with numbers that a double can't tell apart: such texts are the same only
    if all their characters are.
    """
    # The halves stay different from each other, and from U+FFFD.
    spelled = F.regexp_replace(text, _HALF_PAIR, rf"$1{_NO_CHARACTER}$2$3")
    is_exact = ~(text.rlike(_INEXACT) | text.rlike(rf"(?i){_NO_CHARACTER}|\\ufdd0"))
    # No variant's text begins like the other texts.
    as_sent = F.concat(F.lit("as sent: "), text)
    return F.sha2(F.coalesce(F.when(is_exact, F.to_json(F.try_parse_json(spelled))), as_sent), 256)
