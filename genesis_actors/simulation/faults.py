"""How often each thing goes wrong, and the dice that decide when: one seed, one course of events."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

_MICROSECONDS = 1_000_000


class Weather(StrEnum):
    CALM = "calm"
    ROUGH = "rough"
    HOSTILE = "hostile"


@dataclass(frozen=True, slots=True)
class Faults:
    """Shares are of the things that could go wrong so; `_every` are mean seconds in between, zero for never."""

    request_lost: float = 0.0
    request_late: float = 0.0
    reply_lost: float = 0.0
    reply_late: float = 0.0
    told_twice: float = 0.0
    told_out_of_order: float = 0.0
    silence: float = 0.0  # of lost answers: not even the loss is heard of
    fill_lost: float = 0.0
    read_lost: float = 0.0
    read_stale: float = 0.0
    blind: float = (
        0.0  # of orders whose answer is lost: for minutes nobody can say what became of them
    )
    rejected: float = 0.0
    rate_limited: float = 0.0
    outage_every: float = 0.0
    market_every: float = 0.0  # Halts, dead markets, missing rows, jumps.
    slow_disk_every: float = 0.0
    broken_disk_every: float = 0.0
    commit_denied: float = 0.0  # of commits: they take place, and are reported as failed
    crash_every: float = 0.0
    clock_jump_every: float = 0.0
    actor_failure_every: float = 0.0
    user_every: float = 30.0


NO_FAULTS = Faults(user_every=0.0)
"""How a simulation ends: so that everything can settle."""

WEATHERS = {
    Weather.CALM: Faults(),
    Weather.ROUGH: Faults(
        request_lost=0.01,
        request_late=0.01,
        reply_lost=0.02,
        reply_late=0.05,
        told_twice=0.02,
        told_out_of_order=0.02,
        silence=0.2,
        fill_lost=0.02,
        read_lost=0.05,
        read_stale=0.1,
        blind=0.05,
        rejected=0.01,
        rate_limited=0.005,
        outage_every=600.0,
        market_every=120.0,
        slow_disk_every=200.0,
        broken_disk_every=900.0,
        commit_denied=0.001,
        crash_every=300.0,
        clock_jump_every=600.0,
        actor_failure_every=600.0,
    ),
    Weather.HOSTILE: Faults(
        request_lost=0.05,
        request_late=0.08,
        reply_lost=0.12,
        reply_late=0.2,
        told_twice=0.2,
        told_out_of_order=0.3,
        silence=0.3,
        fill_lost=0.2,
        read_lost=0.2,
        read_stale=0.4,
        blind=0.2,
        rejected=0.03,
        rate_limited=0.02,
        outage_every=300.0,
        market_every=90.0,
        slow_disk_every=60.0,
        broken_disk_every=200.0,
        commit_denied=0.01,
        crash_every=100.0,
        clock_jump_every=200.0,
        actor_failure_every=150.0,
        user_every=12.0,
    ),
}


class Dice:
    """Draws from one stream, and counts what it let go wrong."""

    def __init__(self, seed: str, counts: Counter[str]) -> None:
        self.random = random.Random(seed)
        self.counts = counts

    def goes_wrong(self, what: str, share: float) -> bool:
        # A draw is spent only where something can happen: so calm seeds stay as they are when a fault is added.
        if share <= 0 or self.random.random() >= share:
            return False
        self.counts[what] += 1
        return True

    def seconds(self, least: float, most: float) -> timedelta:
        """Return a time between the two, to the microsecond."""
        return timedelta(
            microseconds=self.random.randint(int(least * _MICROSECONDS), int(most * _MICROSECONDS))
        )

    def pause(self, mean_seconds: float) -> timedelta:
        """Return the time until the next of several events that come so far apart on average; zero is never."""
        if not mean_seconds:
            return timedelta(days=1)
        return timedelta(
            microseconds=int(min(self.random.expovariate(1 / mean_seconds), 1e6) * _MICROSECONDS)
        )
