"""Sockets' trades are counted only where they were, one by one, those of the answers."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from genesis_actors.gateways.ccxt_agreement import ENOUGH, Agreement
from genesis_actors.gateways.ccxt_parsing import MarketTrade
from genesis_actors.values import Side, Trade

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def trade(second: int, quantity: str = "1", name: str | None = None) -> MarketTrade:
    at = NOON + timedelta(seconds=second)
    return MarketTrade(name or f"t{second}", Trade(at, Decimal(100), Decimal(quantity), Side.BUY))


def judged(
    agreement: Agreement, told: Iterable[MarketTrade], read: Iterable[MarketTrade], until: int
) -> Agreement:
    agreement.told(told)
    agreement.read(read)
    agreement.judge(NOON + timedelta(seconds=until))
    return agreement


def test_as_many_trades_as_are_enough_prove_it_and_the_first_one_counts_for_nothing() -> None:
    agreement = Agreement()
    # The answers know what was before the socket had begun, and it what is too new to be settled.
    told, read = [trade(s) for s in range(5, 90)], [trade(s) for s in range(90)]

    judged(agreement, told, read, until=5 + ENOUGH - 1)
    assert not agreement.is_proven

    agreement.judge(NOON + timedelta(seconds=5 + ENOUGH))
    assert agreement.is_proven


def test_trades_that_are_put_together_numbered_otherwise_or_left_out_do_not_agree() -> None:
    singles = [trade(s) for s in range(60)]
    for told in (
        [trade(s, "3") for s in range(0, 60, 3)],
        [trade(s, name=f"other{s}") for s in range(60)],
        [trade(s) for s in range(60) if s != 30],
        [*singles, trade(30, name="more")],
    ):
        agreement = judged(Agreement(), told, singles, until=59)

        assert not agreement.is_proven
        assert agreement.is_open  # One time may be bad luck.


def test_what_never_agrees_is_not_tried_for_ever_and_what_is_lost_stays_lost() -> None:
    agreement = Agreement()
    for start in (0, 100, 200):
        judged(agreement, [trade(s) for s in range(start, start + 60)], [], until=start + 59)
    known = judged(Agreement(2), *(2 * ([trade(s) for s in range(9)],)), until=9)
    assert known.is_proven
    known.lose()

    for each in (agreement, known):
        judged(each, *(2 * ([trade(s) for s in range(300, 390)],)), until=390)
        assert not each.is_open


def test_a_connection_that_is_made_anew_begins_with_nothing_and_keeps_what_was_proven() -> None:
    agreement = Agreement()
    judged(agreement, *(2 * ([trade(s) for s in range(ENOUGH)],)), until=ENOUGH)
    agreement.begin_anew()
    # In between the socket has missed some, and tells of the rest from the middle of an instant on.
    judged(agreement, [trade(60), trade(61)], [trade(s) for s in range(30, 62)], until=61)

    assert agreement.is_proven
