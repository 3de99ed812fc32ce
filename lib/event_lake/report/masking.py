"""Examples of refused data that show its structure and nothing that it said. Pure."""

import codecs
import re
import unicodedata
from dataclasses import dataclass

# The longest example on the page, in characters.
MOST_SHOWN = 320
# So many bytes of a record are enough for the longest example: UTF-8 has at most 4 for a character.
MOST_READ = 4 * MOST_SHOWN

# The names of an event's own fields are no secret, and without them one couldn't tell what is wrong with which.
_NAMES = re.compile(r'"(?:event_uuid|event_name|created_at)"(?=[ \t\r\n]*:)')


@dataclass(frozen=True)
class Example:
    """Masked text of a record of `size` bytes; `is_cut` if the record goes on behind it."""

    text: str
    size: int
    is_cut: bool


def make_example(head: bytes, size: int) -> Example:
    """A masked example of a record of `size` bytes that begins with `head` (`MOST_READ` bytes, or all of it).

    What isn't UTF-8 becomes a dot for each faulty sequence.
    """
    # Not final: a character that the end of `head` cuts in two is left out.
    text = codecs.getincrementaldecoder("utf-8")("replace").decode(head, final=len(head) == size)
    return Example(mask(text[:MOST_SHOWN]), size, is_cut=len(text) > MOST_SHOWN or len(head) < size)


def mask(text: str) -> str:
    """`text` with each letter as "a" or "A", each digit as "9", and what isn't ASCII or can't be seen as "·".

    As long as `text`. Kept are ASCII's punctuation, space, tab and line ends, and the names of an event's three own
    fields where they are keys of an object. So texts that differ only in their letters and digits look the same.
    """
    kept = [False] * len(text)
    for name in _NAMES.finditer(text):
        kept[name.start() : name.end()] = [True] * len(name[0])
    return "".join(character if is_kept else _masked(character) for character, is_kept in zip(text, kept, strict=True))


def _masked(character: str) -> str:
    if character.isalpha():
        return "A" if character.isupper() else "a"
    if unicodedata.category(character).startswith("N"):
        return "9"
    return character if character in "\t\n\r" or " " <= character <= "~" else "·"
