"""Event types that are odd as names of folders, in SQL, or in TOML."""

# Spark puts a setting's value in place of the last, wherever it stands in SQL.
ODD_IN_SQL = ('it\'s \\ `quoted` "twice"', "${spark.app.name}")
# Each may have a partition, and a contract.
ODD_TYPES = (
    "Order Completed",
    "com.acme/link_click",
    "Größe",
    "Gro\u0308ße",
    "a/../b",
    "..",
    "_odd",
    "%2F",
    "a=b",
    "a ",
    "a.",
    "👩\u200d👩\u200d👧",
    *ODD_IN_SQL,
    "*",
    "#{[?]}^;",
    "字" * 27,
)
# Too long for a partition's folder.
LONGEST_TYPE = "😀" * 100
