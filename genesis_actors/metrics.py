"""What monitoring asks for: the engine's health as Prometheus metrics, on a registry of its own or a host's.

Counters and histograms follow the news; what has a value at any time is looked up when somebody asks.
"""

from __future__ import annotations

import re
import time
from collections import Counter as Tally
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from genesis_actors.actors.market_data import MarketDataActor
from genesis_actors.calling import EngineFailedError, EngineStoppedError
from genesis_actors.engine import Engine
from genesis_actors.messages.control import ExecutionNews, GetJournalState
from genesis_actors.messages.events import (
    ChildAccepted,
    ChildClosed,
    ChildFilled,
    TwapSliceExecuted,
    TwapSliceStarted,
)
from genesis_actors.messages.market_data import AskQuoteAges, QuoteAges
from genesis_actors.messages.persistence import SliceRow
from genesis_actors.offline import halt_state
from genesis_actors.runtime.replies import ask_living
from genesis_actors.storage import queries
from genesis_actors.storage.errors import StorageError
from genesis_actors.values import ExecutionState, OrderStatus, TradingTier

_LATENCIES: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_SHARES: Final = (0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.09, 0.1, 0.15, 0.2)
_ANSWER_SECONDS: Final = 1.0
_REJECTED: Final = {OrderStatus.REJECTED, OrderStatus.REFUSED}


class Metrics(Collector):
    """Measures one engine. `registry` is the host's; without one it has its own.

    It listens to the news like a subscriber, and never holds anything up.
    """

    def __init__(self, engine: Engine, registry: CollectorRegistry | None = None) -> None:
        self.registry = CollectorRegistry() if registry is None else registry
        self.event_loop_lag_seconds: float | None = None
        """How late the door's event loop was when it last looked; set by whoever runs one."""
        self._engine = engine
        self._unknown = queries.unknown_orders(engine.database)
        self._slice_lateness = self._histogram(
            "genesis_slice_lateness_seconds", "From when a slice was due until its first order."
        )
        self._order_latency = self._histogram(
            "genesis_order_latency_seconds",
            "From when an order was sent until it was acknowledged.",
        )
        self._journal_latency = self._histogram(
            "genesis_journal_latency_seconds", "From a decision until it was durable and told."
        )
        self._participation = self._histogram(
            "genesis_slice_participation", "A slice's share of the market's volume.", _SHARES
        )
        self._fills = Counter("genesis_fills", "Trades of ours.", registry=self.registry)
        self._notional = Counter(
            "genesis_filled_notional_quote",
            "What they were worth, in each symbol's quote currency.",
            ["symbol"],
            registry=self.registry,
        )
        self._rejects = Counter(
            "genesis_rejects",
            "Orders that the venue rejected or our own risk refused.",
            ["reason"],
            registry=self.registry,
        )
        self.registry.register(self)
        engine.listen(self)

    def _histogram(
        self, name: str, documentation: str, buckets: tuple[float, ...] = _LATENCIES
    ) -> Histogram:
        return Histogram(name, documentation, buckets=buckets, registry=self.registry)

    def text(self) -> bytes:
        """Return everything in Prometheus's text format. It reads the database, so not on an event loop."""
        return generate_latest(self.registry)

    # --- What is counted as it happens -----------------------------------------------------------

    def tell(self, message: ExecutionNews) -> None:
        """Take one piece of news in. Called by the control actor."""
        self._journal_latency.observe(_seconds(self._engine.runtime.clock.now() - message.at))
        slices = {part.slice_number: part for part in message.slices}
        sent = {order.client_order_id: order.sent_at for order in message.orders}
        for order in message.orders:
            keep = (
                self._unknown.add if order.status == OrderStatus.UNKNOWN else self._unknown.discard
            )
            keep(order.client_order_id)
        for event in message.events:
            match event:
                case TwapSliceStarted() | TwapSliceExecuted():
                    self._on_slice(event, slices.get(event.slice_number))
                case ChildAccepted():
                    self._on_accepted(event.at, sent.get(event.client_order_id))
                case ChildFilled():
                    self._fills.inc()
                    worth = event.quantity * event.price
                    self._notional.labels(message.execution.symbol).inc(float(worth))
                case ChildClosed() if event.status in _REJECTED:
                    self._rejects.labels(str(event.reason or "unknown")).inc()
                case _:
                    pass

    def _on_slice(self, event: TwapSliceStarted | TwapSliceExecuted, part: SliceRow | None) -> None:
        if part is None:
            return
        if isinstance(event, TwapSliceStarted):
            self._slice_lateness.observe(max(_seconds(event.at - part.due_at), 0.0))
        elif part.participation_rate is not None:
            self._participation.observe(float(part.participation_rate))

    def _on_accepted(self, at: datetime, sent_at: datetime | None) -> None:
        if sent_at is not None:
            self._order_latency.observe(max(_seconds(at - sent_at), 0.0))

    # --- What is looked up when it is asked for --------------------------------------------------

    def collect(self) -> Iterator[Metric]:
        yield from self._of_database()
        yield _gauge(
            "genesis_unknown_orders",
            "Orders that nobody has answered for; their quantity is reserved.",
            len(self._unknown),
        )
        yield self._inboxes()
        restarts = sum(self._engine.runtime.failures.values())
        yield _counted(
            "genesis_actor_restarts", "Actors that failed and were built again.", restarts
        )
        yield from self._market_data()
        yield from self._portfolio()
        if self.event_loop_lag_seconds is not None:
            yield _gauge(
                "genesis_event_loop_lag_seconds",
                "How late the door's event loop was.",
                self.event_loop_lag_seconds,
            )

    def describe(self) -> Iterator[Metric]:
        """Return nothing: to register must not look anything up."""
        return iter(())

    def _of_database(self) -> Iterator[Metric]:
        with suppress(StorageError):
            counts = queries.executions_by_state(self._engine.database)
            family = GaugeMetricFamily(
                "genesis_executions", "Executions in the database.", labels=["state"]
            )
            for state in ExecutionState:
                family.add_metric([str(state)], counts.get(str(state), 0))
            yield family
        with suppress(StorageError):
            is_halted = self._has_pending_halt() or bool(
                halt_state(self._engine.database).halted_at
            )
            yield _gauge("genesis_halted", "1 while everything is halted.", int(is_halted))

    def _has_pending_halt(self) -> bool:
        """Tell whether a halt holds that is not in the database yet."""
        if self._engine.runtime.is_deterministic:
            return False  # Its time passes only while somebody waits for a result.
        with suppress(TimeoutError, EngineFailedError, EngineStoppedError):
            return self._engine.ask(GetJournalState, _ANSWER_SECONDS).halt is not None
        return False

    def _inboxes(self) -> Metric:
        family = GaugeMetricFamily(
            "genesis_inbox_depth", "Messages that wait, by kind of actor.", labels=["actor"]
        )
        depths = Tally[str]()
        for ref in self._engine.runtime.living():
            depths[_kind(ref.actor_class)] += len(ref.actor_inbox)  # pyright: ignore[reportArgumentType] - a Mailbox
        for kind, depth in sorted(depths.items()):
            family.add_metric([kind], depth)
        return family

    def _market_data(self) -> Iterator[Metric]:
        began = time.monotonic()
        ages = self._quote_ages()
        if ages is None:
            return
        yield _gauge(
            "genesis_dispatcher_lag_seconds",
            "How long a shared actor took to answer a question.",
            time.monotonic() - began,
        )
        family = GaugeMetricFamily(
            "genesis_market_data_age_seconds",
            "Since the source last vouched for a worked symbol's quote.",
            labels=["symbol"],
        )
        for symbol, age in ages.ages:
            family.add_metric([symbol], _seconds(age))
        yield family

    def _portfolio(self) -> Iterator[Metric]:
        if self._engine.runtime.is_deterministic:
            return  # Its time passes only while somebody waits for a result.
        seen = self._engine.portfolio(_ANSWER_SECONDS)
        if seen is None:
            return
        tier = GaugeMetricFamily(
            "genesis_account_tier", "1 for the tier that the account has.", labels=["tier"]
        )
        for each in TradingTier:
            tier.add_metric([each.value], int(each is seen.tier))
        yield tier
        if seen.equity is not None:
            yield _gauge(
                "genesis_account_equity_quote",
                "What the account was worth when an order last came in.",
                float(seen.equity),
            )
        yield _gauge(
            "genesis_correlated_exposure_quote",
            "What is held and intended, as far as it moves together.",
            float(seen.correlated_exposure),
        )
        pairs = GaugeMetricFamily(
            "genesis_correlation", "How much two held symbols move together.", labels=["pair"]
        )
        for pair in seen.pairs:
            if pair.correlation is not None:
                pairs.add_metric([f"{pair.one} {pair.other}"], float(pair.correlation))
        yield pairs

    def _quote_ages(self) -> QuoteAges | None:
        runtime = self._engine.runtime
        if runtime.is_deterministic:
            return None  # Its time passes only while somebody waits for a result.
        return ask_living(runtime, MarketDataActor, AskQuoteAges, _ANSWER_SECONDS)


def _seconds(duration: timedelta) -> float:
    return duration.total_seconds()


def _gauge(name: str, documentation: str, value: float) -> Metric:
    return GaugeMetricFamily(name, documentation, value=value)


def _counted(name: str, documentation: str, value: float) -> Metric:
    return CounterMetricFamily(name, documentation, value=value)


def _kind(actor: type) -> str:
    """Return `market_data` for MarketDataActor."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", actor.__name__.removesuffix("Actor")).lower()
