"""The log of build_staging's steps in its checkpoint: each is noted before it's begun, and once it's done."""

import json
from dataclasses import asdict, dataclass
from datetime import date, datetime

from event_lake.config.parsing import parse_instant
from event_lake.errors import UserError
from event_lake.lake import formats
from event_lake.lake.checkpoints import Checkpoint
from event_lake.lake.formats import without_format
from event_lake.staging.chunk import Place

_PLANNED, _DONE = "steps", "done"
_FORMAT = 1
# Only the newest is read; the others are for people.
_KEPT = 100


@dataclass(frozen=True, kw_only=True)
class Step:
    """The batches from `first` to `last`, or what of them lies in partitions `behind` one and `upto` another.

    `clock` is the ledger's `ingested_at` of the last one, which tells it from another batch of its number. Whatever is
    up to the batch `again_until` may have been begun by a run of which nothing else is known.
    """

    number: int
    first: int
    last: int
    clock: datetime
    again_until: int = -1
    behind: Place | None = None
    upto: Place | None = None

    def __str__(self) -> str:
        return f"batch {self.last}" if self.first == self.last else f"batches {self.first} to {self.last}"


class StepLog:
    """The steps in the folder of a checkpoint."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._checkpoint = checkpoint

    def newest(self) -> Step | None:
        """The last step that was noted, if any was. Raises UserError if it can't be read."""
        number = max(self._checkpoint.numbers(_PLANNED), default=None)
        if number is None:
            return None
        name = f"{_PLANNED}/{number}"
        try:
            stored = json.loads(self._checkpoint.text(name))
            told = without_format(f"checkpoint {self._checkpoint.path}: {name}", stored, _FORMAT)
            clock = parse_instant(told.pop("clock"))
            behind, upto = (_place(told.pop(end)) for end in ("behind", "upto"))
            return Step(number=number, clock=clock, behind=behind, upto=upto, **told)
        except (ValueError, TypeError, AttributeError, KeyError):
            raise UserError(
                f"checkpoint {self._checkpoint.path}: {name} isn't what was written; put that folder aside, and the"
                " next run looks at all of raw again, which changes nothing that staging holds"
            ) from None

    def is_done(self, step: Step) -> bool:
        """Whether it was noted as done."""
        return step.number in self._checkpoint.numbers(_DONE)

    def begin(self, step: Step) -> None:
        """Note the step, whole or not at all, unless that was done before."""
        if step.number in self._checkpoint.numbers(_PLANNED):
            return
        told = {formats.KEY: _FORMAT, **asdict(step), "clock": step.clock.isoformat()}
        del told["number"]
        self._checkpoint.put(f"{_PLANNED}/{step.number}", json.dumps(told, default=str))

    def end(self, step: Step) -> None:
        """Note that it's done."""
        self._checkpoint.put(f"{_DONE}/{step.number}", "")
        for folder in (_PLANNED, _DONE):
            for number in self._checkpoint.numbers(folder):
                if number <= step.number - _KEPT:
                    self._checkpoint.delete(f"{folder}/{number}")


def _place(told: list[str] | None) -> Place | None:
    return (date.fromisoformat(told[0]), told[1]) if told else None
