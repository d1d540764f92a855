"""The trading actors of one engine, from the journal: started together, in order, and replaced together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from pykka import ActorRef

from genesis_actors.actors.analytics import AnalyticsActor, NewsForReports
from genesis_actors.actors.control import ControlActor
from genesis_actors.actors.guardian import GuardianActor
from genesis_actors.actors.live_venue import LiveVenueActor
from genesis_actors.actors.market_data import MarketDataActor
from genesis_actors.actors.past import VenueTraits
from genesis_actors.actors.persistence import PersistenceActor
from genesis_actors.actors.risk import RiskActor
from genesis_actors.actors.supervisor import SupervisorActor, SupervisorPorts
from genesis_actors.actors.venue import VenueActor
from genesis_actors.domain.gate import Gate
from genesis_actors.gateways.live import LiveVenue
from genesis_actors.gateways.venue import SimulatedVenue
from genesis_actors.listeners import Relay
from genesis_actors.messages.base import Address
from genesis_actors.messages.control import ControlMessage, CoreRebuilt, News, StatusRestored
from genesis_actors.messages.market_data import MarketFeed, MarketPast, MarketRows
from genesis_actors.messages.persistence import JournalBack, JournalDown
from genesis_actors.messages.risk import MidSampled
from genesis_actors.messages.supervisor import UserCommand
from genesis_actors.messages.venue import VenueOutcome
from genesis_actors.recovery import Continuity, Statuses, Stock
from genesis_actors.runtime.actor import ActorFailed, Fanout
from genesis_actors.runtime.system import Runtime
from genesis_actors.settings import Settings
from genesis_actors.values import ParentOrder, Reason


class GateSwitch:
    """Where the gate in force is. Used from outside of the actors on purpose: nothing in an inbox may go first."""

    def __init__(self) -> None:
        self._gate: Gate | None = None

    def replace(self, gate: Gate) -> None:
        """Shut the gate in force, and put `gate` in its place. A halt that is not durable yet goes on to hold."""
        if self._gate is not None:
            gate.is_halted = gate.is_halted or self._gate.is_halted
        self.shut()
        self._gate = gate

    def shut(self) -> None:
        if self._gate is not None:
            self._gate.is_shut = True

    def tell(self, message: ActorFailed) -> None:
        """Shut it at a failure that nobody mends: what cannot be steered may not send."""
        del message
        self.shut()


@dataclass(frozen=True, slots=True)
class _Tap:
    """Tells somebody outside every row, those of the past too."""

    outside: Address[MarketRows]

    def tell(self, message: MarketFeed) -> None:
        for rows in message.rows if isinstance(message, MarketPast) else (message,):
            self.outside.tell(rows)


@dataclass(frozen=True, slots=True)
class Ground:
    """What every generation of trading actors stands on."""

    runtime: Runtime
    store: Continuity
    venue: SimulatedVenue | LiveVenue
    settings: Settings
    seed: int | None
    recover: Callable[[ParentOrder], bool]
    market_tap: Address[MarketRows] | None
    persistence: type[PersistenceActor]
    commands: Relay[UserCommand]
    control: Relay[ControlMessage]
    guardian: Relay[ActorFailed | JournalDown | JournalBack]
    gate: GateSwitch
    began_at: datetime
    makes_reports: bool
    repeats_time: bool
    """Whether each run passes through the same time anew: what ended runs took then is nothing to the next one."""


class TradingCore:
    """One generation of persistence, market data, venue, risk, supervisor with its slicers, and analytics."""

    def __init__(self, ground: Ground, stock: Stock, *, paused_by: Reason | None = None) -> None:
        """Start on what `stock` has; with `paused_by` every execution that would run is paused for that."""
        self._ground = ground
        self._began_at = ground.runtime.clock.now()
        runtime, store, settings = ground.runtime, ground.store, ground.settings
        failures = ground.guardian
        past = replace(stock.past(self._began_at), paused_by=paused_by)
        if ground.repeats_time:
            # Positions stay: what an ended run has bought is in the account.
            past = replace(past, fills=(), account=replace(past.account, days=()))
        self._recovered = store.statuses(past.executions)
        self._gate = Gate(settings.gate_limits(), is_halted=past.is_halted)
        ground.gate.replace(self._gate)
        outcomes = Relay[VenueOutcome]()
        routed = Relay[VenueOutcome]()
        journal = ground.persistence.start(
            runtime, store.database, supervisor=failures, outages=failures
        )
        samples = Relay[MidSampled]()
        correlation = settings.correlation_rules()
        market_data = MarketDataActor.start(
            runtime,
            failures=failures,
            journal=journal,
            samples=samples,
            sampling_interval=correlation.interval,
        )
        venue = self._start_venue(market_data, outcomes)
        risk = RiskActor.start(
            runtime,
            limits=settings.risk_limits(),
            tiers=settings.tier_rules(self._quotes()),
            correlation=correlation,
            journal=journal,
            venue=venue,
            outcomes=routed,
            halts=ground.commands,
            failures=failures,
        )
        risk.tell(past.account)
        outcomes.connect(risk)
        samples.connect(risk)
        analytics = AnalyticsActor.start(
            runtime,
            database=store.database,
            journal=journal,
            market_data=market_data,
            venue=venue,
            failures=failures,
            makes_reports=ground.makes_reports,
        )
        supervisor = SupervisorActor.start(
            runtime,
            defaults=settings.twap_defaults(),
            queue_rules=settings.queue_rules(),
            venue=VenueTraits(
                ground.venue.name,
                replace(ground.venue.proof, counts_from=ground.began_at),
                ground.venue.trades_every,
                None if isinstance(ground.venue, LiveVenue) else ground.venue.source,
            ),
            client_order_id_prefix=store.identity.client_order_id_prefix,
            ports=SupervisorPorts(
                journal=journal,
                market_data=market_data,
                venue=venue,
                gate=self._gate,
                risk=risk,
                news=Fanout[News](NewsForReports(analytics), ground.control, runtime=runtime),
            ),
            seed=ground.seed,
            client_ids=stock.client_ids,
            executions_before=stock.executions_count,
            past=past,
            failures=failures,
        )
        routed.connect(supervisor)
        ground.commands.connect(supervisor)

    def _quotes(self) -> tuple[str, ...]:
        """Return what a simulated venue's symbols are quoted in, in their order."""
        venue = self._ground.venue
        if isinstance(venue, LiveVenue):
            return ()
        return tuple(symbol.rpartition("/")[2] for symbol in venue.symbols())

    def _start_venue(
        self, market_data: Address[MarketFeed], outcomes: Address[VenueOutcome]
    ) -> ActorRef[Any]:
        ground, tap = self._ground, self._ground.market_tap
        rows = market_data if tap is None else Fanout[MarketFeed](_Tap(tap), market_data)
        if isinstance(ground.venue, LiveVenue):
            return LiveVenueActor.start(
                ground.runtime,
                venue=ground.venue,
                prefix=ground.store.identity.client_order_id_prefix,
                gate=self._gate,
                market_data=rows,
                outcomes=outcomes,
                failures=ground.guardian,
            )
        return VenueActor.start(
            ground.runtime,
            venue=ground.venue,
            gate=self._gate,
            market_data=rows,
            outcomes=outcomes,
            failures=ground.guardian,
        )

    def shut(self) -> None:
        self._gate.is_shut = True

    def stop(self) -> None:
        for ref in reversed(self._living()):
            ref.stop(block=False)

    @property
    def is_stopped(self) -> bool:
        return not self._living()

    def known(self) -> Statuses:
        """Return what was known of the open executions at the start, to be kept by who asks."""
        return self._recovered.copy()

    def statuses(self) -> CoreRebuilt:
        return CoreRebuilt(
            tuple(StatusRestored(self._began_at, status) for status in self._recovered.values())
        )

    def _living(self) -> list[ActorRef[Any]]:
        return [
            ref
            for ref in self._ground.runtime.living()
            if not issubclass(ref.actor_class, ControlActor | GuardianActor)
        ]
