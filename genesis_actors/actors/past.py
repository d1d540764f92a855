"""What trading actors that start now have to know of what was before them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from genesis_actors.domain.execution import Execution
from genesis_actors.domain.proof import NO_DELAYS, ProofRules
from genesis_actors.messages.risk import RestoreAccount, RestoreFills
from genesis_actors.messages.venue import OrderFilled, PastOrder, RestoreOrders
from genesis_actors.values import (
    ClientOrderId,
    ExecutionId,
    MarketSource,
    ParentOrder,
    Reason,
    Symbol,
    TradeId,
)


@dataclass(frozen=True, slots=True)
class KnownOrder:
    """An order that this database has seen before, by its client id, and what its market is made of."""

    execution_id: ExecutionId
    order: ParentOrder
    market_source: MarketSource | None = None


@dataclass(frozen=True, slots=True)
class Past:
    """What the database has: open executions, and trades that may still count in a budget.

    The venue is asked for the trades of the symbols in `known_trades`, because some may not be recorded: from the time
    that is noted there, less a margin, or from `trades_since` on where none is.
    """

    executions: tuple[Execution, ...] = ()
    fills: tuple[RestoreFills, ...] = ()
    account: RestoreAccount = field(default_factory=RestoreAccount)
    recorded: frozenset[tuple[ClientOrderId, TradeId]] = frozenset()
    """Trades, by their orders, that need not be recorded when they are told again: ids are unique in a symbol only."""
    left_alone: frozenset[Symbol] = frozenset()
    """Symbols with open executions that somebody else will carry on."""
    known_trades: Mapping[Symbol, datetime | None] = field(
        default_factory=dict[Symbol, datetime | None]
    )
    trades_since: datetime | None = None
    is_halted: bool = False
    paused_by: Reason | None = None
    """Why none of them may run, though their journals let them; None where they may."""
    older: frozenset[ExecutionId] = frozenset()
    """Those of which the journal may lack something, for it is an older copy: they are paused before all else."""

    def has_recorded(self, fill: OrderFilled) -> bool:
        return (fill.client_order_id, fill.trade_id) in self.recorded


@dataclass(frozen=True, slots=True)
class VenueTraits:
    """What must be known of a venue: its name, when its "not found" is proof, how often to ask for trades.

    `source` is what its market is made of, where that is simulated.
    """

    name: str
    proof: ProofRules = NO_DELAYS
    trades_every: timedelta | None = None
    source: MarketSource | None = None


def past_orders(execution: Execution) -> RestoreOrders:
    """Return what risk and gate must know of an execution's children of earlier runs."""
    return RestoreOrders(
        execution_id=execution.execution_id,
        symbol=execution.order.symbol,
        side=execution.order.side,
        parent_quantity=execution.quantity,
        orders=tuple(
            PastOrder(
                client_order_id=child.client_order_id,
                fills=tuple((fill.trade_id, fill.traded_at, fill.quantity) for fill in child.fills),
                settled_quantity=child.settled_quantity,
                reserved_quantity=child.reserved_quantity,
                price=child.price,
                resting=child.resting,
                settled_at=child.settled_at,
            )
            for child in execution.children.values()
        ),
    )
