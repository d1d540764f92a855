"""The actor in front of a real venue. It never waits: questions go out, and what is heard comes to its inbox."""

from __future__ import annotations

from typing import TypeAlias, assert_never

from genesis_actors.actors.gated import GatedActor
from genesis_actors.domain.gate import Gate
from genesis_actors.gateways.live import (
    AvailabilityChanged,
    LiveVenue,
    OutcomesHeard,
    SymbolSeen,
    TradesHeard,
    VenueReport,
)
from genesis_actors.messages.market_data import MarketRows
from genesis_actors.messages.venue import (
    AmendParent,
    Balance,
    CancelOrder,
    DescribeSymbol,
    EndParent,
    LookAtDepth,
    LookUpOrder,
    LookUpTrades,
    PlaceOrder,
    RestoreOrders,
    SettleOrder,
    SymbolDescribed,
    TradesTold,
    VenueAvailability,
    VenueMessage,
    VenueOutcome,
)
from genesis_actors.runtime.actor import ActorFailed, Address
from genesis_actors.runtime.system import Runtime
from genesis_actors.values import ZERO, Symbol

_Message: TypeAlias = VenueMessage | VenueReport


class LiveVenueActor(GatedActor[_Message]):
    """Carries orders to a real venue, and outcomes and market data back."""

    def __init__(
        self,
        runtime: Runtime,
        *,
        venue: LiveVenue,
        prefix: str,
        gate: Gate,
        market_data: Address[MarketRows],
        outcomes: Address[VenueOutcome],
        failures: Address[ActorFailed],
    ) -> None:
        super().__init__(runtime, gate=gate, outcomes=outcomes, failures=failures)
        self._venue = venue
        self._prefix = prefix
        self._market_data = market_data
        self._asking: dict[Symbol, list[Address[SymbolDescribed]]] = {}

    def begin(self) -> None:
        self._venue.connect(self.actor_ref, self._prefix)

    def handle(self, message: _Message) -> None:
        match message:
            case PlaceOrder():
                if self._may_pass(message):
                    self._venue.place(message)
            case CancelOrder():
                self._venue.cancel(message, self.clock.now())
            case LookUpOrder():
                self._venue.look_up(message, self.clock.now())
            case LookUpTrades():
                self._venue.ask_trades(message.symbol, message.since)
            case DescribeSymbol():
                self._asking.setdefault(message.symbol, []).append(message.reply_to)
                self._venue.describe(message.symbol)
            case SettleOrder() | AmendParent() | RestoreOrders() | EndParent():
                self._tell_gate(message)
            case LookAtDepth():
                pass  # No feed of the port has more than the touch.
            case OutcomesHeard():
                self._report(message.outcomes)
            case TradesHeard():
                self._on_trades(message)
            case SymbolSeen():
                self._on_seen(message)
            case MarketRows():
                self.send(self._market_data, message)
            case AvailabilityChanged():
                self.send(
                    self._outcomes,
                    VenueAvailability(
                        at=self.clock.now(),
                        is_available=message.is_available,
                        detail=message.detail,
                    ),
                )
            case _:
                assert_never(message)

    def _on_trades(self, heard: TradesHeard) -> None:
        self._report(heard.outcomes)
        told = TradesTold(at=self.clock.now(), symbol=heard.symbol, is_complete=heard.is_complete)
        self.send(self._outcomes, told)

    def _on_seen(self, seen: SymbolSeen) -> None:
        asking = self._asking.get(seen.symbol)
        if not asking:
            return  # It was asked for by an actor that is no more.
        self.send(
            asking.pop(0),
            SymbolDescribed(
                at=self.clock.now(),
                symbol=seen.symbol,
                rules=seen.rules,
                balances=tuple(
                    Balance(currency=currency, free=free, held=seen.held.get(currency, ZERO))
                    for currency, free in seen.balances.items()
                ),
                volumes=seen.volumes,
                known_symbols=seen.known_symbols,
            ),
        )
