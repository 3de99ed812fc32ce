"""Keep the log of build_staging's steps in its checkpoint: each step is noted before it begins, and once it's done."""

import json
from dataclasses import asdict, dataclass
from datetime import date, datetime

from event_lake.config.parsing import parse_instant
from event_lake.errors import UserError
from event_lake.lake import formats
from event_lake.lake.checkpoints import Checkpoint
from event_lake.lake.formats import without_format
from event_lake.staging.chunk import Partition

_PLANNED, _DONE = "steps", "done"
_FORMAT = 1
# The job reads only the newest step. The others are kept for people.
_KEPT = 100


@dataclass(frozen=True, kw_only=True)
class Step:
    """A step of build_staging: it takes the batches of raw from `first` to `last`, or some partitions of them.

    `clock` is the ledger's `ingested_at` of the batch `last`. Where raw's tables were put back to an older version,
    another batch may get the same number, but it has another clock. The step takes the partitions after `behind`, up to
    and with `upto`, in the order of date and type; None means that there is no bound. Batches up to `again_until` may
    have been taken before, as a whole or in part, by a run whose steps aren't known.
    """

    number: int
    first: int
    last: int
    clock: datetime
    again_until: int = -1
    behind: Partition | None = None
    upto: Partition | None = None

    def __str__(self) -> str:
        return f"batch {self.last}" if self.first == self.last else f"batches {self.first} to {self.last}"


class StepLog:
    """The log of steps in the folder of `checkpoint`: a file for each step, and an empty one once it's done."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._checkpoint = checkpoint

    def newest(self) -> Step | None:
        """Return the last step that was noted, or None if none was. Raise UserError if it can't be read."""
        number = max(self._checkpoint.numbers(_PLANNED), default=None)
        if number is None:
            return None
        name = f"{_PLANNED}/{number}"
        try:
            stored = json.loads(self._checkpoint.text(name))
            fields = without_format(f"checkpoint {self._checkpoint.path}: {name}", stored, _FORMAT)
            clock = parse_instant(fields.pop("clock"))
            behind, upto = (_partition(fields.pop(end)) for end in ("behind", "upto"))
            return Step(number=number, clock=clock, behind=behind, upto=upto, **fields)
        except (ValueError, TypeError, AttributeError, KeyError):
            raise UserError(
                f"checkpoint {self._checkpoint.path}: {name} isn't what was written; put that folder aside, and the"
                " next run looks at all of raw again, which changes nothing that staging holds"
            ) from None

    def is_done(self, step: Step) -> bool:
        """True if the step was noted as done."""
        return step.number in self._checkpoint.numbers(_DONE)

    def begin(self, step: Step) -> None:
        """Note that the step begins, unless that is noted already."""
        if step.number in self._checkpoint.numbers(_PLANNED):
            return
        fields = {formats.KEY: _FORMAT, **asdict(step), "clock": step.clock.isoformat()}
        del fields["number"]
        self._checkpoint.put(f"{_PLANNED}/{step.number}", json.dumps(fields, default=str))

    def end(self, step: Step) -> None:
        """Note that the step is done, and forget steps that are 100 or more before it."""
        self._checkpoint.put(f"{_DONE}/{step.number}", "")
        for folder in (_PLANNED, _DONE):
            for number in self._checkpoint.numbers(folder):
                if number <= step.number - _KEPT:
                    self._checkpoint.delete(f"{folder}/{number}")


def _partition(values: list[str] | None) -> Partition | None:
    return (date.fromisoformat(values[0]), values[1]) if values else None
