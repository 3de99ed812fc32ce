"""Show texts that producers sent, so that they neither steer a terminal nor tell what nobody should read. Pure."""

import re
import unicodedata

_LONGEST_NAME = 60
_PLAIN = re.compile(r"[A-Za-z_.-]+[0-9]{0,3}[A-Za-z_.-]*")
# The names of the required fields are no secret, and without them a reader couldn't see which field is wrong.
_NAMES = re.compile(r'"(?:event_uuid|event_name|created_at)"(?=[ \t\r\n]*:)')


def make_printable(text: str) -> str:
    """Return `text` with "·" for what can't be printed: line breaks, escape codes, marks that turn the direction."""
    return "".join(character if character.isprintable() else "·" for character in text)


def format_name(text: str | None) -> str:
    """Return a name from the data, with "·" for what can't be printed, and cut to 60 characters, as room is short."""
    text = "" if text is None else make_printable(text)
    return text if len(text) <= _LONGEST_NAME else f"{text[: _LONGEST_NAME - 1]}…"


def format_field(text: str | None) -> str:
    """Return the name of a field, masked unless it's a plain word, as some producers send ids as keys."""
    return format_name(text if text is None or _PLAIN.fullmatch(text) else mask(text))


def mask(text: str) -> str:
    """Return `text` with each letter as "a" or "A", each digit as "9", and what isn't printable ASCII as "·".

    Tabs and line ends stay, and so do the names of the three required fields where they are keys of an object. The
    result is as long as `text`.
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
