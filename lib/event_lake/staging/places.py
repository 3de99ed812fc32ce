"""Read the values at some paths of a JSON payload as Spark's types, in one pass."""

from collections.abc import Callable, Collection, Mapping, Sequence

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DataType, StringType, StructField, StructType

from event_lake.lake.tables import quote_literal

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

    def read_in_sql(self, payload: str, arrays: Collection[tuple[str, ...]]) -> str:
        """Return `read` of the JSON `payload` in SQL. The places hold strings, those in `arrays` arrays of strings."""
        leaves = dict.fromkeys(arrays, ArrayType(StringType()))
        by_keys = self.schema(leaves, (), by_key=True)
        by_numbers = self.schema(leaves, (), by_key=False)
        options = ", ".join(f"'{key}', '{value}'" for key, value in _READING.items())
        read = f"from_json({payload}, {quote_literal(by_keys.json())}, map({options}))"
        return f"cast({read} as {by_numbers.simpleString()})"

    def name(self, path: tuple[str, ...]) -> str:
        """Return the name in SQL of the field at `path` in a struct that `read` returned, like "k0.k3"."""
        name = f"k{self._keys.index(path[0])}"
        return f"{name}.{self._below[path[0]].name(path[1:])}" if len(path) > 1 else name

    def change_in_sql(
        self, struct: str, change: Callable[[tuple[str, ...], str], str], at: tuple[str, ...] = ()
    ) -> str:
        """Return a struct that `read` returned with `change(path, value)` in place of each value, in SQL.

        `at` is the path that leads to this tree from the payload's top.
        """
        fields = []
        for index, key in enumerate(self._keys):
            field, below, path = f"{struct}.k{index}", self._below.get(key), (*at, key)
            inner = f"if({field} is null, null, {below.change_in_sql(field, change, path)})" if below else None
            fields.append(f"'k{index}', {inner or change(path, field)}")
        if not at:
            fields.append(f"'unread', {struct}.unread")
        return f"named_struct({', '.join(fields)})"

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
