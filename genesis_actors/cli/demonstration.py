"""The demonstration: four orders on the paper venue, in virtual time and with one seed: it is always the same."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final

from genesis_actors.cli import logs, text
from genesis_actors.cli.errors import ExitCode
from genesis_actors.cli.output import echo
from genesis_actors.cli.progress import LiveView, PlainLines, attach, choose_view, market_tap
from genesis_actors.cli.signals import interrupt_from_here
from genesis_actors.engine import Engine, TwapHandle
from genesis_actors.gateways.paper import PaperVenue
from genesis_actors.messages.control import ExecutionStatus
from genesis_actors.opening import DEFAULT_SEED, PAPER_EPOCH, VirtualTime
from genesis_actors.orders import TwapOrder
from genesis_actors.runtime.simulation import DeterministicRuntime
from genesis_actors.settings import Settings
from genesis_actors.values import ExecutionState, Quote, Symbol, floor_to_step

SYMBOLS: Final = ("BTC/USDT", "ETH/USDT", "SOL/USDT", "XRP/USDT")

_WINDOW: Final = "5m"
_PAUSED_AFTER: Final = timedelta(seconds=100)
_PAUSED_FOR: Final = timedelta(seconds=60)
_EARLY_BY: Final = Decimal("0.0004")
"""How far the price has to come our way before the SOL order goes faster, as a share of its arrival price."""


@dataclass(frozen=True, slots=True)
class Chapter:
    """One of the orders, and what it is there to show."""

    order: TwapOrder
    shows: str


def run_demonstration(speed: Decimal | None, *, quiet: bool) -> int:
    """Run it, print its report, and return the exit code: 0 unless an order came to no end."""
    view = choose_view(is_quiet=quiet)
    logs.configure(view.say, is_verbose=False)
    interrupt_from_here()
    with tempfile.TemporaryDirectory(prefix="genesis-demo-") as directory:
        settings = Settings(
            storage={"url": str(Path(directory) / "demo.db")},
            engine={"seed": DEFAULT_SEED},
        )
        chapters = _chapters(_quotes())
        view.say("Four orders on a simulated market, each cut into slices that follow its volume:")
        for chapter in chapters:
            view.say(f"  {chapter.order.symbol} {chapter.order.side}: {chapter.shows}")
        view.say("")
        with Engine.start(
            settings,
            virtual=VirtualTime(speed=speed, start_at=PAPER_EPOCH),
            venue=PaperVenue(seed=DEFAULT_SEED),
            market_tap=market_tap(view),
        ) as engine:
            try:
                results = _play(engine, view, chapters)
            finally:
                view.close()
    echo(_report(results))
    is_over = all(ExecutionState(each.execution.state).is_final for each in results)
    return ExitCode.OK if is_over else ExitCode.INCOMPLETE


def _quotes() -> dict[str, Quote]:
    """Look at the market as it will be when the demonstration begins; the same seed makes the same one."""
    venue = PaperVenue(seed=DEFAULT_SEED)
    found: dict[str, Quote] = {}
    for symbol in SYMBOLS:
        for row in venue.open(Symbol(symbol), PAPER_EPOCH).rows:
            if row.quote is not None:
                found[symbol] = row.quote
    return found


def _chapters(quotes: dict[str, Quote]) -> tuple[Chapter, ...]:
    # A seller's target lies below the price, so that a small rise already beats it by the threshold of 0.2 %.
    target = quotes["SOL/USDT"].mid * (1 + _EARLY_BY) / (1 + Decimal("0.002"))
    return (
        Chapter(_order("BTC/USDT", "buy", "6", slices=20), "a plain TWAP"),
        Chapter(_order("ETH/USDT", "sell", "90", jitter="20%"), "seeded jitter; it will be paused"),
        Chapter(
            _order("SOL/USDT", "sell", "900", target_price=floor_to_step(target, Decimal("0.01"))),
            "goes faster when the price is good",
        ),
        Chapter(
            _order("XRP/USDT", "buy", "25000quote", slices=12), "the quantity given in dollars"
        ),
    )


def _order(symbol: str, side: str, quantity: str, **more: object) -> TwapOrder:
    key = f"demo-{symbol.partition('/')[0].lower()}"
    return TwapOrder.parse(
        symbol=symbol, side=side, quantity=quantity, duration=_WINDOW, client_id=key, **more
    )


def _play(
    engine: Engine, view: LiveView | PlainLines, chapters: tuple[Chapter, ...]
) -> list[ExecutionStatus]:
    attach(view, engine)
    handles: list[TwapHandle] = []
    for chapter in chapters:
        handle = engine.submit(chapter.order)
        view.watch(handle.status(), Decimal("0.1"))
        handles.append(handle)
    runtime, paused = engine.runtime, handles[1]
    if isinstance(runtime, DeterministicRuntime):
        runtime.advance_to(runtime.clock.now() + _PAUSED_AFTER)
        paused.pause()
        runtime.advance_to(runtime.clock.now() + _PAUSED_FOR)
        paused.resume()
    return [handle.wait() for handle in handles]


def _report(results: list[ExecutionStatus]) -> str:
    rows = [status.execution for status in results]
    table = text.table(
        ("order", "filled", "average", "arrival", "TWAP", "share", "fees", "ended"),
        [
            (
                f"{row.symbol} {row.side}",
                text.percent(row.filled_quantity / row.quantity, 1),
                text.price(row.average_price),
                text.bps(row.slippage_vs_arrival_bps),
                text.bps(row.slippage_vs_twap_bps),
                text.percent(row.participation_rate),
                text.money(row.fees_quote),
                "early" if row.early_completion else str(row.state).lower(),
            )
            for row in rows
        ],
        left=(0, 2, 7),
    )
    return (
        f"\n{table}\n\nAgainst arrival and TWAP in bps: positive is a cost. Next:\n"
        "  genesis plan BTC/USDT buy 2.5 --over 10m             what it would do\n"
        "  genesis run BTC/USDT buy 2.5 --over 10m --speed max  work it on paper\n"
        "  genesis report @last --db genesis.db                 what it did, and why"
    )
