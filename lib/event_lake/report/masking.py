"""Mask examples of refused data, so that they show its structure and nothing of its content. Pure."""

import codecs
import re
import unicodedata
from dataclasses import dataclass

# The longest example on the page, in characters.
MOST_SHOWN = 320
# So many bytes of a record are enough for the longest example, as UTF-8 has at most 4 bytes for a character.
MOST_READ = 4 * MOST_SHOWN

# The names of the required fields are no secret, and without them a reader couldn't see which field is wrong.
_NAMES = re.compile(r'"(?:event_uuid|event_name|created_at)"(?=[ \t\r\n]*:)')


@dataclass(frozen=True)
class Example:
    """The masked beginning of a record of `size` bytes. `is_cut` says that the record goes on after `text`."""

    text: str
    size: int
    is_cut: bool


def make_example(head: bytes, size: int) -> Example:
    """Return the masked example of a record of `size` bytes.

    `head` has the record's first `MOST_READ` bytes, or all of them. Each sequence of bytes that isn't UTF-8 becomes a
    dot.
    """
    # With final=False the decoder leaves out a character that the end of `head` cuts in two.
    text = codecs.getincrementaldecoder("utf-8")("replace").decode(head, final=len(head) == size)
    return Example(mask(text[:MOST_SHOWN]), size, is_cut=len(text) > MOST_SHOWN or len(head) < size)


def mask(text: str) -> str:
    """Return `text` with each letter as "a" or "A", each digit as "9", and what isn't printable ASCII as "·".

    Tabs and line ends stay, and so do the names of the three required fields where they are keys of an object. The
    result is as long as `text`. `contracts.propose.mask_column` masks letters and digits in the same way in Spark.
    """
    kept = [False] * len(text)
    for name in _NAMES.finditer(text):
        kept[name.start() : name.end()] = [True] * len(name[0])
    return "".join(character if is_kept else _mask(character) for character, is_kept in zip(text, kept, strict=True))


def _mask(character: str) -> str:
    if character.isalpha():
        return "A" if character.isupper() else "a"
    if unicodedata.category(character).startswith("N"):
        return "9"
    return character if character in "\t\n\r" or " " <= character <= "~" else "·"
