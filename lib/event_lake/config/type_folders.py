"""Map event types to the names of folders and files, and back. Pure."""

import re

# The characters that are safe in every file system, as Python's and Java's patterns write them within brackets.
SAFE = r"A-Za-z0-9_.+@~!$,()\-"
_MOST_BYTES = 255  # of a name, in nearly all file systems
# A contract's file has the folder's name, and ".toml" behind it.
MAX_FOLDER_BYTES = _MOST_BYTES - len(".toml")
MAX_PARTITION_BYTES = _MOST_BYTES - len("event_type=")
# A name that begins with "." or "_" is hidden from Spark and other readers.
_UNSAFE = re.compile(rf"^[._]|[^{SAFE}]")
_UNSAFE_ASCII = re.compile(rf"[^{SAFE}\x80-\U0010ffff]")
_ESCAPES = re.compile(r"(?:=[0-9A-F]{2})+")


def folder_of(event_type: str) -> str:
    """Return the name of the folder of a type's own table, and of its contract's file without ".toml".

    Whatever isn't safe in every file system stands there as its bytes in UTF-8, each as "=" and two digits:
    "Order=20Completed". The escape isn't "%", as delta-rs and DuckDB decode that in a path and look elsewhere.
    All is ASCII, so neither Unicode's normal forms nor the encoding of a machine's file names matter.
    """
    return _UNSAFE.sub(lambda unsafe: "".join(f"={byte:02X}" for byte in unsafe[0].encode()), event_type)


def type_of(folder: str) -> str | None:
    """Return the type whose folder has this name, or None if no type has it."""
    try:
        event_type = _ESCAPES.sub(lambda escapes: bytes.fromhex(escapes[0].replace("=", "")).decode(), folder)
    except UnicodeDecodeError:
        return None
    return event_type if event_type and folder_of(event_type) == folder else None


def fits_table(event_type: str) -> bool:
    """True if the folder of the type's own table, and its contract's file, have names of at most 255 bytes."""
    return len(folder_of(event_type)) <= MAX_FOLDER_BYTES


def fits_partition(event_type: str) -> bool:
    """True if a partition's folder, `event_type=<type>`, has a name of at most 255 bytes.

    Spark escapes some ASCII characters there as "%" and two digits, and leaves all others as they are. All that aren't
    safe count as three bytes here, as other versions of Spark may escape others.
    """
    return len(_UNSAFE_ASCII.sub("%00", event_type).encode()) <= MAX_PARTITION_BYTES
