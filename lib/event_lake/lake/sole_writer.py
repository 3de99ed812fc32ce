"""Guard a layer of the lake against a second writer."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from event_lake.lake.lease import hold_lease
from event_lake.lake.lease_stores import lease_store

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Writer:
    """What a job that writes a layer must look at.

    `check` is to be called before each write: it raises if another process may have the lease. `stop_asked_by` returns
    who asked the job to stop, and when (`lake.stopping`), or an empty text.
    """

    check: Callable[[], None] = lambda: None
    stop_asked_by: Callable[[], str] = lambda: ""

    def describe_end(self, result: object) -> str:
        """Return what the job says at its end, in one line: its result, and who asked it to stop, if anybody did."""
        by = self.stop_asked_by()
        return f"{result}; asked to stop by {by}" if by else str(result)


@contextmanager
def sole_writer(root: str, layer: str, *, job: str, wait: bool = False) -> Iterator[Writer]:
    """Hold the lease of the lake's `layer` while the block runs, which gets what it must look at meanwhile.

    If another process holds the lease at the beginning, log who does and wait for its end if `wait`, and otherwise
    raise a UserError that names it. On storage that can't hold a lease, log a warning; the check then does nothing, and
    nobody can ask for a stop.
    """
    store = lease_store(root, layer)
    if store is None:
        _log.warning("lake %s: nothing guards it against a second writer; see to it that there's only one", root)
        yield Writer()
        return
    with hold_lease(store, job=job, wait=wait) as lease:
        yield Writer(check=lease.check, stop_asked_by=lambda: lease.stop_asked_by)
