"""Reading some places of a JSON payload as Spark's types, in one pass."""

from collections.abc import Mapping, Sequence

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import DataType, StringType, StructField, StructType

# Where Spark puts the text of what it couldn't read as told, beside the payload's own keys.
_UNREAD = "event_lake.unread"
_READING = {"mode": "PERMISSIVE", "columnNameOfCorruptRecord": _UNREAD, "allowNonNumericNumbers": "false"}


class Places:
    """The places of a payload that `paths` lead to. In what is read of them, places have numbers for names.

    Because keys may hold anything, and differ in capitals only, which Spark's own names can't.
    """

    def __init__(self, paths: Sequence[tuple[str, ...]]) -> None:
        self._keys = list(dict.fromkeys(path[0] for path in paths))
        below = {key: [path[1:] for path in paths if path[0] == key and len(path) > 1] for key in self._keys}
        self._below = {key: Places(rest) for key, rest in below.items() if rest}

    def read(self, leaves: Mapping[tuple[str, ...], DataType]) -> Column:
        """The column `payload` as a struct: places as `leaves` has them or as strings, and `unread`, its text.

        That is null if all places could be read, or are null or not there.
        """
        told = self.schema(leaves, (), by_key=True).add(_UNREAD, StringType())
        named = self.schema(leaves, (), by_key=False).add("unread", StringType())
        return F.from_json("payload", told, _READING).cast(named)

    def place(self, read: Column, path: tuple[str, ...]) -> Column:
        """What was read at `path`."""
        found = read[f"k{self._keys.index(path[0])}"]
        return self._below[path[0]].place(found, path[1:]) if len(path) > 1 else found

    def schema(self, leaves: Mapping[tuple[str, ...], DataType], at: tuple[str, ...], *, by_key: bool) -> StructType:
        """As `read` gives it, or with the payload's own keys for names; `at` leads here."""
        fields = []
        for index, key in enumerate(self._keys):
            below = self._below.get(key)
            path = (*at, key)
            kind = below.schema(leaves, path, by_key=by_key) if below else leaves.get(path, StringType())
            fields.append(StructField(key if by_key else f"k{index}", kind))
        return StructType(fields)
