"""A terminal, and what stands on it."""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TextIO

# A control sequence by its last letter, or a character.
_WRITTEN = re.compile(r"\x1b\[[?\d;]*([A-Za-z])|([^\x1b])", re.DOTALL)


@dataclass
class Terminal:
    """A real one, `file` is what a process writes to."""

    leader: int
    file: TextIO
    seen: bytes = b""

    def screen(self) -> list[str]:
        """The lines on it, without what is blank at their ends, and without blank ones below."""
        self.file.flush()
        try:
            while True:
                self.seen += os.read(self.leader, 65536)
        except BlockingIOError:
            pass
        lines, row, column = [""], 0, 0
        # What another thread writes right now may end amid a character.
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
    """A terminal, for as long as the block runs."""
    leader, follower = os.openpty()
    fcntl.fcntl(leader, fcntl.F_SETFL, os.O_NONBLOCK)
    with open(follower, "w", encoding="utf-8") as file:  # noqa: PTH123 (a descriptor)
        yield Terminal(leader, file)
    os.close(leader)
