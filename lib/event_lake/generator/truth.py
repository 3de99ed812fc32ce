"""What was put, and what the lake must make of it."""

from collections import Counter
from collections.abc import Iterable

from event_lake.generator.faults import FAULTS, reason_of
from event_lake.generator.sequence import EVENT, LATE, RETRY, Record


class Truth:
    """Counts of the records put, by kind.

    It holds for one run into a stream of its own. Where a second run puts events of the first again, each of
    its `raw` among them is a duplicate, and each bad record is quarantined again.
    """

    def __init__(self) -> None:
        self.by_kind: Counter[str] = Counter()
        self.bytes = 0

    def add(self, records: Iterable[Record]) -> None:
        """Note that each of `records` was put once."""
        for record in records:
            self.by_kind[record.kind] += 1
            self.bytes += len(record.data)

    @property
    def records(self) -> int:
        """All records put."""
        return self.by_kind.total()

    @property
    def retries(self) -> int:
        """Records that are copies of earlier ones."""
        return self.by_kind[RETRY]

    @property
    def events(self) -> int:
        """Events of the sequence, the bad ones included: records without copies."""
        return self.records - self.retries

    def outcome(self) -> dict[str, object]:
        """What to expect of the tables, as JSON.

        `raw` counts distinct events, `duplicates` dropped ones; `quarantined` is by reason, `bytes` are those
        of the data alone.
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
