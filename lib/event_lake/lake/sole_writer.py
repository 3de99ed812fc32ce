"""Guard a layer of the lake against a second writer."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from event_lake.lake.lease import hold_lease
from event_lake.lake.lease_stores import lease_store

_log = logging.getLogger(__name__)


@contextmanager
def sole_writer(root: str, layer: str, *, job: str, wait: bool = False) -> Iterator[Callable[[], None]]:
    """Hold the lease of the lake's `layer` while the block runs. The block gets a function to call before each write.

    That function raises if another process may have the lease. If another holds it at the beginning, log who does and
    wait for its end if `wait`, and otherwise raise a UserError that names it. On storage that can't hold a lease, log a
    warning; the function then does nothing.
    """
    store = lease_store(root, layer)
    if store is None:
        _log.warning("lake %s: nothing guards it against a second writer; see to it that there's only one", root)
        yield lambda: None
        return
    with hold_lease(store, job=job, wait=wait) as lease:
        yield lease.check
