"""How a long list is read page by page, whichever end of it an exchange begins at, without leaving anything out."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

LEAST_PAGE: Final = 20
"""No exchange shows fewer at a time if it has more."""

_WINDOW = timedelta(hours=23)
"""Binance answers for no more than a day at a time."""
_INSTANT = timedelta(milliseconds=1)
_COARSE = timedelta(seconds=2)
"""Some take times in whole seconds."""


class WrongAnswerError(Exception):
    """The venue has answered something else than what it was asked."""


@dataclass(frozen=True, slots=True)
class Span:
    """What to ask for next: everything from `start` to `end`, both included, without the newest `offset`."""

    start: datetime
    end: datetime
    offset: int = 0


class Paging:
    """Which spans are still to be read."""

    def __init__(self, since: datetime, until: datetime, *, by_offset: bool) -> None:
        """`by_offset` says that the rest of a page is asked for by how many to leave out, else by time."""
        self._by_offset = by_offset
        self._left: deque[Span] = deque()
        while since < until:
            end = min(since + _WINDOW, until)
            self._left.append(Span(since, end))
            since = end

    def next(self) -> Span | None:
        return self._left.popleft() if self._left else None

    def heard(self, span: Span, times: Sequence[datetime], new: Sequence[datetime]) -> None:
        """Take note of an answer: the times of all that it has, and of those that are new. Raises WrongAnswerError."""
        if any(at > span.end + _COARSE for at in times):
            raise WrongAnswerError(f"rows until {span.end} were asked for, and newer ones came")
        if len(times) < LEAST_PAGE or not new:
            return
        if self._by_offset:
            self._left.append(Span(span.start, span.end, span.offset + len(times)))
            return
        # What was left out is beyond the end that it does not begin at. Rows of the instants at both ends come again,
        # and nothing else means that there are no more.
        for start, end in ((max(new), span.end), (span.start, min(new) + _INSTANT)):
            if start < end:
                self._left.append(Span(start, end))
