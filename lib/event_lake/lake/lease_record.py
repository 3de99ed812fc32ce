"""Represent the record of a lease: who holds it, and who asked that job to stop. Pure."""

import json
from collections.abc import Hashable
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime

from event_lake.lake.machine import Machine

# In lengths of the lease: an owner that gave no sign of life for so long has ended.
PATIENCE = 1.25
# Per length of the lease: the reads by somebody who watches its record.
LOOKS = 20
STOP_FIELD = "stop_asked_by"


@dataclass(frozen=True, kw_only=True)
class LeaseRecord:
    """The content of a lease's record. Its times are for people.

    `renewals` counts the owner's attempts to write, so each content that it writes differs from all others. `released`
    says that the owner has ended. `stop_asked_by` says who asked it to stop, and when; it's empty if nobody did.
    """

    job: str
    host: str
    pid_space: str
    pid: int
    owner: str
    acquired_at: str
    length_seconds: float
    renewed_at: str = ""
    renewals: int = 0
    released: bool = False
    stop_asked_by: str = ""

    def __str__(self) -> str:
        return f"{self.job} on host {self.host}, pid {self.pid}, since {self.acquired_at}"

    @property
    def sign_of_life(self) -> Hashable:
        """What differs after each write by the owner, and stays the same if somebody asks it to stop."""
        return self.owner, self.renewals

    def is_dead(self, machine: Machine) -> bool:
        """True if the owner ran on this machine, and its process is gone."""
        here = machine.pid_space != "" and self.pid_space == machine.pid_space
        return here and not machine.is_alive(self.pid)

    def as_json(self) -> bytes:
        """Return the content to store."""
        return json.dumps(asdict(self), indent=1).encode()


def parse_record(content: bytes) -> LeaseRecord | None:
    """Return the record, or None if `content` isn't one. That of another version may have more fields, or fewer."""
    try:
        values = json.loads(content)
        return LeaseRecord(**{each.name: values[each.name] for each in fields(LeaseRecord) if each.name in values})
    except (ValueError, TypeError):
        return None


def now_text() -> str:
    """Return the time, in UTC and whole seconds, as it stands in records."""
    return datetime.now(UTC).isoformat(timespec="seconds")
