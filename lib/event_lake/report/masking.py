"""Mask examples of refused data, so that they show its structure and nothing of its content. Pure."""

import codecs
from dataclasses import dataclass

from event_lake.lake.untrusted import mask

# The longest example on the page, in characters.
MOST_SHOWN = 320
# So many bytes of a record are enough for the longest example, as UTF-8 has at most 4 bytes for a character.
MOST_READ = 4 * MOST_SHOWN


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
