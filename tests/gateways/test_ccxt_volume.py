from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from genesis_actors.gateways.ccxt_parsing import MarketTrade
from genesis_actors.gateways.ccxt_volume import LONGEST_HOLD, OthersVolume
from genesis_actors.values import ClientOrderId, Trade, TradeId

NOON = datetime(2024, 8, 8, 12, tzinfo=UTC)
OURS, OTHER = ClientOrderId("c1"), ClientOrderId("c2")


def a_trade(quantity: str, seconds: float = 0, name: str = "t") -> MarketTrade:
    at = NOON + timedelta(seconds=seconds)
    return MarketTrade(f"{name}{seconds}", Trade(at, Decimal(100), Decimal(quantity)))


def volume(trades: list[Trade]) -> Decimal:
    return sum((trade.quantity for trade in trades), Decimal(0))


def test_without_orders_of_ours_every_trade_counts_at_once() -> None:
    assert volume(OthersVolume().take([a_trade("2"), a_trade("3", 1)], NOON)) == 5


def test_our_own_trades_are_taken_off_whichever_is_heard_first() -> None:
    heard_late, heard_early = OthersVolume(), OthersVolume()
    for others in (heard_late, heard_early):
        others.sent(OURS, Decimal(4), NOON)

    assert heard_late.take([a_trade("4"), a_trade("6", 1)], NOON + timedelta(seconds=1)) == []
    heard_late.filled(OURS, TradeId("1"), Decimal(4))
    heard_late.closed(OURS)
    heard_early.filled(OURS, TradeId("1"), Decimal(4))
    heard_early.closed(OURS)

    late = heard_late.take([], NOON + timedelta(seconds=2))
    early = heard_early.take([a_trade("4"), a_trade("6", 1)], NOON + timedelta(seconds=2))
    assert volume(late) == volume(early) == 6


def test_a_trade_told_twice_is_taken_off_once_and_one_of_an_earlier_run_never() -> None:
    others = OthersVolume()
    others.sent(OURS, Decimal(4), NOON)
    for _ in range(2):
        others.filled(OURS, TradeId("1"), Decimal(4))
    others.filled(OTHER, TradeId("9"), Decimal(50))
    others.closed(OURS)

    assert volume(others.take([a_trade("10")], NOON)) == 6


def test_trades_from_before_the_order_are_not_held() -> None:
    others = OthersVolume()
    others.sent(OURS, Decimal(4), NOON)

    counted = others.take([a_trade("2", -5), a_trade("3", 1)], NOON + timedelta(seconds=1))

    assert volume(counted) == 2


def test_an_order_without_an_outcome_is_taken_off_whole_and_given_back_when_it_is_known() -> None:
    others = OthersVolume()
    others.sent(OURS, Decimal(4), NOON)
    assert others.take([a_trade("10", 1)], NOON + timedelta(seconds=1)) == []

    later = NOON + timedelta(seconds=1) + LONGEST_HOLD
    assert volume(others.take([], later)) == 6

    others.filled(OURS, TradeId("1"), Decimal(4))  # It has filled: nothing is taken off again.
    others.closed(OURS)
    assert volume(others.take([a_trade("10", 9)], later)) == 10


def test_what_was_taken_off_for_nothing_is_not_taken_off_again() -> None:
    others = OthersVolume()
    others.sent(OURS, Decimal(40), NOON)
    others.take([a_trade("10", 1)], NOON + timedelta(seconds=1))
    others.take([], NOON + timedelta(seconds=1) + LONGEST_HOLD)

    others.closed(OURS)  # Never accepted: of its 40 only 10 had been taken off.

    assert volume(others.take([a_trade("10", 9)], NOON + timedelta(seconds=9))) == 10
