"""When "not found" proves that an order was never accepted: not before nothing can be on its way any more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

NOT_FOUND_TWICE_APART = timedelta(seconds=1)
"""Two answers prove what one does not, where they were asked for at least so far apart."""


@dataclass(frozen=True, slots=True)
class ProofRules:
    """What a venue enforces, and how long its reads lag. All defaults are those of a venue without any delay.

    `request_expiry` is the venue's own limit on how old a request may be when it is carried out (Binance: recvWindow);
    None for a venue that has none, where nothing is ever proven. `patience` is how long a child may stay UNKNOWN
    before its execution is paused for an operator, `answer_timeout` how long any answer may take.
    """

    request_expiry: timedelta | None = timedelta(0)
    engine_timeout: timedelta = timedelta(0)
    clock_error: timedelta = timedelta(0)
    read_lag: timedelta = timedelta(0)
    answer_timeout: timedelta = timedelta(seconds=30)
    patience: timedelta = timedelta(seconds=60)
    counts_from: datetime | None = None
    """When this process began. What passed before counts for nothing: nobody held the clock then."""

    def patience_ends(self, unknown_since: datetime) -> datetime:
        """Return until when an operator need not be asked."""
        return self._counted(unknown_since) + self.patience

    def _counted(self, since: datetime) -> datetime:
        return since if self.counts_from is None else max(since, self.counts_from)

    def deadline(self, request_ended_at: datetime) -> datetime | None:
        """Return from when on a question that finds nothing counts, None if it never does.

        >>> from datetime import UTC
        >>> rules = ProofRules(request_expiry=timedelta(seconds=5), read_lag=timedelta(seconds=2))
        >>> rules.deadline(datetime(2025, 1, 6, 14, 0, tzinfo=UTC)).second
        7
        """
        if self.request_expiry is None:
            return None
        waits = self.request_expiry + self.engine_timeout + self.clock_error + self.read_lag
        return self._counted(request_ended_at) + waits


NO_DELAYS = ProofRules()
