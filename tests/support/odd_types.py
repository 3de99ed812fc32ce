"""Event types that are odd as names of folders, in SQL, or in TOML."""

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
    'it\'s \\ `quoted` "twice"',
    "${spark.app.name}",
    "*",
    "#{[?]}^;",
    "字" * 27,
)
# Too long for a partition's folder.
LONGEST_TYPE = "😀" * 100
