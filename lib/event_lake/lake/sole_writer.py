"""The right to write a layer of the lake."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from event_lake.lake.lease import hold_lease
from event_lake.lake.lease_stores import lease_store

_log = logging.getLogger(__name__)


@contextmanager
def sole_writer(root: str, layer: str, *, job: str, wait: bool = False) -> Iterator[Callable[[], None]]:
    """Hold the lease of the lake's `layer` in the block; gives its check, to be called before each write.

    Where another holds it, raises UserError, which says who; or says who and waits.
    """
    store = lease_store(root, layer)
    if store is None:
        _log.warning("lake %s: nothing guards it against a second writer; see to it that there's only one", root)
        yield lambda: None
        return
    with hold_lease(store, job=job, wait=wait) as lease:
        yield lease.check
