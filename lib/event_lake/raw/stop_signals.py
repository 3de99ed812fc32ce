"""Notice the signals that ask a run to stop."""

import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

# Within this time a second signal counts as the first one: make, timeout and others signal a process twice, alone and
# with its process group.
_SAME_SIGNAL_SECONDS = 1.0


@contextmanager
def stop_signals() -> Iterator[Sequence[float]]:
    """Handle SIGTERM and SIGINT while the block runs. The block gets the times at which they came, a growing list.

    After the second time the handlers of before are restored. Only the main thread can handle signals: in others the
    list stays empty.
    """
    times: list[float] = []
    if threading.current_thread() is not threading.main_thread():
        yield times
        return
    handlers_before: dict[int, Any] = {}

    def restore() -> None:
        for number, handler in handlers_before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def note(_: int, __: FrameType | None) -> None:
        now = time.monotonic()
        if not times or now - times[0] >= _SAME_SIGNAL_SECONDS:
            times.append(now)
        if len(times) > 1:
            restore()

    for number in (signal.SIGTERM, signal.SIGINT):
        handlers_before[number] = signal.signal(number, note)
    try:
        yield times
    finally:
        restore()
