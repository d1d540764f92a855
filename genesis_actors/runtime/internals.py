"""The few names inside Pykka 4.5 that a new actor type cannot do without.

No other module reaches into Pykka.
"""

import logging
from collections.abc import Sequence
from itertools import count
from typing import Any

from pykka import ActorRef, ActorRegistry
from pykka._envelope import Envelope
from pykka.messages import (
    ProxyCall,
    ProxyGetAttr,
    ProxySetAttr,
    _ActorStop,  # pyright: ignore[reportPrivateUsage]
)

__all__ = ["PYKKA_MESSAGES", "ActorStop", "Envelope", "next_serial", "pykka_log", "unregister"]

ActorStop = _ActorStop
pykka_log = logging.getLogger("pykka")
PYKKA_MESSAGES = frozenset[type]({ActorStop, ProxyCall, ProxyGetAttr, ProxySetAttr})
next_serial = count().__next__


def unregister(ref: ActorRef[Any]) -> None:
    """Take an actor out of Pykka's registry without walking through all of it.

    The registry is one list in the order of starting, and Pykka looks through it twice for each
    actor that stops. Ours carry serial numbers that rise along that list, so bisection finds them;
    whatever it misses (two threads may register in the other order than they numbered) is left to
    Pykka.
    """
    with ActorRegistry._actor_refs_lock:  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        refs = ActorRegistry._actor_refs  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        position = _position(refs, ref)
        if position is None:
            ActorRegistry.unregister(ref)
            return
        del refs[position]
    pykka_log.debug("Unregistered %s", ref)


def _position(refs: Sequence[ActorRef[Any]], wanted: ActorRef[Any]) -> int | None:
    serial = _serial(wanted)
    low, high = 0, len(refs)
    while low < high:
        probe = middle = (low + high) // 2
        # Actors of other types stand in the same list and have no serial number.
        while probe < high and _serial(refs[probe]) < 0:
            probe += 1
        if probe == high:
            high = middle
        elif refs[probe] is wanted:
            return probe
        elif _serial(refs[probe]) < serial:
            low = probe + 1
        else:
            high = middle
    return None


def _serial(ref: ActorRef[Any]) -> int:
    return getattr(ref.actor_inbox, "serial", -1)
