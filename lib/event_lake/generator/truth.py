"""Count what was put, and say what the lake must make of it."""

from collections import Counter
from collections.abc import Iterable

from event_lake.generator.faults import FAULTS, reason_of
from event_lake.generator.sequence import EVENT, LATE, RETRY, Record


class Truth:
    """The number of records put, by kind.

    It predicts one run into a stream of its own. If a second run puts events of the first again, each good one of them
    is a duplicate, and each bad record is quarantined again.
    """

    def __init__(self) -> None:
        self.by_kind: Counter[str] = Counter()
        self.bytes = 0

    def add(self, records: Iterable[Record]) -> None:
        """Count each of `records` as put once."""
        for record in records:
            self.by_kind[record.kind] += 1
            self.bytes += len(record.data)

    @property
    def records(self) -> int:
        """Return the number of all records put."""
        return self.by_kind.total()

    @property
    def retries(self) -> int:
        """Return the number of records that are copies of earlier ones."""
        return self.by_kind[RETRY]

    @property
    def events(self) -> int:
        """Return the number of events of the sequence, including the bad ones: the records without copies."""
        return self.records - self.retries

    def outcome(self) -> dict[str, object]:
        """Return what to expect of the tables, as JSON.

        `raw` is the number of distinct events, and `duplicates` the number of copies that are dropped. `quarantined`
        has numbers by reason. `bytes` is the size of the data without partition keys.
        """
        quarantined: Counter[str] = Counter()
        for kind in FAULTS:
            quarantined[reason_of(kind)] += self.by_kind[kind]
        return {
            "records": self.records,
            "bytes": self.bytes,
            "by_kind": dict(sorted(self.by_kind.items())),
            "raw": self.by_kind[EVENT] + self.by_kind[LATE],
            "duplicates": self.retries,
            "quarantined": {reason: count for reason, count in quarantined.items() if count},
        }
