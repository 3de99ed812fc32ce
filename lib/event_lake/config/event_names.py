"""Tell which characters the parts of an event's name may have. Pure."""

import re
from string import ascii_letters, digits

# The value of `raw.name_characters` that stands for every printable character.
ANY = "any"
MAX_PART_LENGTH = 100
# What may be chosen beside letters and digits, without ANY.
EXTRAS = "_.-+@~!$,()"
# Each character but ":", which separates parts, and
# - control characters, and the separators of lines and paragraphs (U+2028, U+2029), which break what is printed;
# - the controls of direction (Bidi_Control of Unicode's PropList.txt), with which one name looks like another;
# - U+FEFF, which is left of a byte order mark, and has no other use any more;
# - halves of surrogate pairs and noncharacters (U+FDD0 to U+FDEF, and the last two of each plane), which are no text.
# These never change, so every version of Python, on the driver and on executors, has the same names. `str.isprintable`
# goes by the version's own table of assigned characters, and refuses joiners, which Persian and emoji need.
# The set is of what there may be, not of the rest: matching that is 3 to 18 times as slow for ASCII.
_PRINTABLE = (
    r" -9;-~\u00a0-\u061b\u061d-\u200d\u2010-\u2027\u202f-\u2065\u206a-\ud7ff\ue000-\ufdcf\ufdf0-\ufefe\uff00-\ufffd"
    + "".join(rf"\U{plane:04x}0000-\U{plane:04x}fffd" for plane in range(1, 17))
)


def part_pattern(name_characters: str, most: int = MAX_PART_LENGTH) -> str:
    """Return the regular expression of one part of a name: as long a run of its characters as there is, up to `most`.

    These are ASCII letters and digits, and `name_characters`; or every printable character, if that is ANY.
    """
    allowed = _PRINTABLE if name_characters == ANY else re.escape(ascii_letters + digits + name_characters)
    return f"[{allowed}]{{1,{most}}}+"


def is_event_type(text: str, name_characters: str, most: int = MAX_PART_LENGTH) -> bool:
    """True if `text` can be an event's type, the first part of its name; `name_characters` as in `part_pattern`."""
    return not text.startswith("__") and re.fullmatch(part_pattern(name_characters, most), text) is not None
