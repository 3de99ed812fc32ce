"""Open a terminal for a test, and read the lines that stand on it."""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TextIO

# This matches a control sequence, of which it keeps the last letter, or a character.
_WRITTEN = re.compile(r"\x1b\[[?\d;]*([A-Za-z])|([^\x1b])", re.DOTALL)


@dataclass
class Terminal:
    """A real terminal. A process writes to `file`; `leader` is the descriptor to read from, `seen` what was read."""

    leader: int
    file: TextIO
    seen: bytes = b""

    def screen(self) -> list[str]:
        """Return the lines on the terminal, without blanks at their ends, and without blank lines at the bottom."""
        self.file.flush()
        try:
            while True:
                self.seen += os.read(self.leader, 65536)
        except BlockingIOError:
            pass
        lines, row, column = [""], 0, 0
        # Bytes that another thread is just writing may end within a character.
        for control, character in _WRITTEN.findall(self.seen.decode(errors="ignore")):
            match control or character:
                case "A" if control:
                    row -= 1
                case "K" if control:
                    lines[row] = ""
                case _ if control:
                    assert control in "hlm", f"unknown control sequence: {control}"
                case "\n":
                    row += 1
                    lines += [""] * (row + 1 - len(lines))
                case "\r":
                    column = 0
                case _:
                    lines[row] = lines[row][:column].ljust(column) + character + lines[row][column + 1 :]
                    column += 1
        return "\n".join(line.rstrip() for line in lines).rstrip().splitlines()


@contextmanager
def a_terminal() -> Iterator[Terminal]:
    """Open a terminal while the block runs."""
    leader, follower = os.openpty()
    fcntl.fcntl(leader, fcntl.F_SETFL, os.O_NONBLOCK)
    with open(follower, "w", encoding="utf-8") as file:  # noqa: PTH123 (a descriptor)
        yield Terminal(leader, file)
    os.close(leader)
