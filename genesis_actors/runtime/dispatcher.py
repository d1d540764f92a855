"""What a dispatcher is to a mailbox, and the number context that actors run under."""

from __future__ import annotations

import decimal
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    from genesis_actors.runtime.mailbox import Mailbox

DispatcherKind: TypeAlias = Literal["pooled", "shared", "pinned"]
Pump: TypeAlias = Callable[[Callable[[], bool], float | None], bool]
"""Runs actors in the calling thread until a condition holds; gives up after some virtual seconds.

Returns whether the condition held.
"""

ACTOR_DECIMAL_CONTEXT = decimal.Context(prec=100, rounding=decimal.ROUND_HALF_EVEN)
"""Wide enough that sums and products of money are exact; only divisions round.

Copy it, a context is mutable.
"""


class Dispatcher(Protocol):
    """Decides when and on which thread the actor behind a mailbox runs."""

    @property
    def pump(self) -> Pump | None:
        """How a waiting thread makes progress where no other thread does; None where threads do."""
        ...

    def schedule(self, mailbox: Mailbox) -> None:
        """Give the mailbox a turn soon.

        Called once, until the mailbox has been unscheduled again.
        """
        ...
