"""Standard streams that were closed before we began, as cron and daemons do: the work is done all the same."""

from __future__ import annotations

import io
import os
import sys
from typing import NoReturn

from genesis_actors.cli.errors import CliError

_STDIN, _STDOUT, _STDERR = 0, 1, 2


class ClosedStdout(io.TextIOBase):
    """In the place of a stdout that was closed: what is written to it is a result that nobody gets."""

    def write(self, text: str, /) -> NoReturn:
        del text
        raise CliError(
            "output_failed",
            "the result cannot be written to stdout: it is closed",
            "send it somewhere; what was done stays in the database: genesis show @last --db PATH",
        )


def fill_gaps() -> None:
    """Occupy the standard descriptors that are closed: the next file that is opened, a database, would get them."""
    for number in (_STDIN, _STDOUT, _STDERR):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # It gets the lowest that is free, which is this one.
    if _is_missing(sys.stdout):
        sys.stdout = ClosedStdout()
    if _is_missing(sys.stderr):
        sys.stderr = os.fdopen(_STDERR, "w", closefd=False)


def _is_missing(stream: object) -> bool:
    return stream is None  # Which its declared type does not know of.
