"""Read the values at some paths of a JSON payload as Spark's types, in one pass."""

from collections.abc import Mapping, Sequence

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import DataType, StringType, StructField, StructType

# Spark puts the whole text into this field if a value isn't of its type. It stands beside the payload's own keys.
_UNREAD = "event_lake.unread"
_READING = {"mode": "PERMISSIVE", "columnNameOfCorruptRecord": _UNREAD, "allowNonNumericNumbers": "false"}


class Places:
    """The places of a payload to which `paths` lead: a tree of keys.

    The struct that is read of a payload numbers its fields (k0, k1, …), because keys may have any characters, and may
    differ in capitals only, which names of Spark can't.
    """

    def __init__(self, paths: Sequence[tuple[str, ...]]) -> None:
        self._keys = list(dict.fromkeys(path[0] for path in paths))
        below = {key: [path[1:] for path in paths if path[0] == key and len(path) > 1] for key in self._keys}
        self._below = {key: Places(rest) for key, rest in below.items() if rest}

    def read(self, leaves: Mapping[tuple[str, ...], DataType]) -> Column:
        """Return the column `payload` as a struct of the values at the places, and `unread`.

        A value has the type that `leaves` gives for its path, or else is a string. `unread` is null if each place holds
        a value of its type, or null, or isn't there; otherwise it is the payload's text.
        """
        by_keys = self.schema(leaves, (), by_key=True).add(_UNREAD, StringType())
        by_numbers = self.schema(leaves, (), by_key=False).add("unread", StringType())
        return F.from_json("payload", by_keys, _READING).cast(by_numbers)

    def place(self, struct: Column, path: tuple[str, ...]) -> Column:
        """Return the value at `path` of a struct that `read` returned."""
        field = struct[f"k{self._keys.index(path[0])}"]
        return self._below[path[0]].place(field, path[1:]) if len(path) > 1 else field

    def schema(self, leaves: Mapping[tuple[str, ...], DataType], at: tuple[str, ...], *, by_key: bool) -> StructType:
        """Return the type of the struct that `read` returns, or the same with the payload's keys as names if `by_key`.

        `at` is the path that leads to this tree from the payload's top.
        """
        fields = []
        for index, key in enumerate(self._keys):
            below = self._below.get(key)
            path = (*at, key)
            kind = below.schema(leaves, path, by_key=by_key) if below else leaves.get(path, StringType())
            fields.append(StructField(key if by_key else f"k{index}", kind))
        return StructType(fields)
