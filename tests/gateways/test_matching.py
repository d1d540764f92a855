"""How orders fill: each sentence of the rules against a recording of a few rows."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from genesis_actors.gateways.venue import PastFill
from genesis_actors.messages.venue import OrderAccepted, OrderClosed, OrderFilled, OrderNotFound
from genesis_actors.values import (
    ClientOrderId,
    ExecutionId,
    Liquidity,
    OrderStatus,
    Reason,
    Side,
    Symbol,
    TradeId,
    VenueOrderId,
)
from tests.gateways.making import (
    BTC,
    Files,
    a_cancel,
    a_question,
    an_order,
    at,
    detail,
    ending,
    fees,
    fills,
)

BOOK = "0,99,5,100,5"
DEPTH = """
    0,b,99:5 98:7 97:9
    0,a,100:5 101:7 102:9
"""


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def test_an_order_takes_levels_best_first_one_fill_a_level(files: Files) -> None:
    venue = files.opened(BOOK, depth=DEPTH)

    outcomes = venue.place(an_order("a", "buy", "13", "102"), at(3))

    assert outcomes == (
        OrderAccepted(
            at=at(3),
            execution_id=ExecutionId("x"),
            client_order_id=ClientOrderId("a"),
            venue_order_id=VenueOrderId("v-a"),
        ),
        OrderFilled(
            at=at(3),
            execution_id=ExecutionId("x"),
            client_order_id=ClientOrderId("a"),
            trade_id=TradeId("v-a-1"),
            quantity=Decimal(5),
            price=Decimal(100),
            fee=Decimal("0.5"),
            fee_currency="USDT",
            liquidity=Liquidity.TAKER,
            traded_at=at(3),
        ),
        OrderFilled(
            at=at(3),
            execution_id=ExecutionId("x"),
            client_order_id=ClientOrderId("a"),
            trade_id=TradeId("v-a-2"),
            quantity=Decimal(7),
            price=Decimal(101),
            fee=Decimal("0.707"),
            fee_currency="USDT",
            liquidity=Liquidity.TAKER,
            traded_at=at(3),
        ),
        OrderFilled(
            at=at(3),
            execution_id=ExecutionId("x"),
            client_order_id=ClientOrderId("a"),
            trade_id=TradeId("v-a-3"),
            quantity=Decimal(1),
            price=Decimal(102),
            fee=Decimal("0.102"),
            fee_currency="USDT",
            liquidity=Liquidity.TAKER,
            traded_at=at(3),
        ),
        OrderClosed(
            at=at(3),
            execution_id=ExecutionId("x"),
            client_order_id=ClientOrderId("a"),
            status=OrderStatus.FILLED,
            filled_quantity=Decimal(13),
        ),
    )


def test_a_sell_takes_bids_from_the_highest_down(files: Files) -> None:
    venue = files.opened(BOOK, depth=DEPTH)

    outcomes = venue.place(an_order("a", "sell", "13", "97"), at(0))

    assert fills(outcomes) == [("5", "99"), ("7", "98"), ("1", "97")]


def test_the_limit_price_is_never_passed_and_the_rest_expires(files: Files) -> None:
    venue = files.opened(BOOK, depth=DEPTH)

    outcomes = venue.place(an_order("a", "buy", "13", "101.99"), at(0))

    assert fills(outcomes) == [("5", "100"), ("7", "101")]
    assert ending(outcomes) == "EXPIRED"


def test_the_touch_replaces_the_size_of_a_level_at_its_price(files: Files) -> None:
    venue = files.opened("0,99,5,100,2", depth=DEPTH)

    assert fills(venue.place(an_order("a", "buy", "4", "101"), at(0))) == [
        ("2", "100"),
        ("2", "101"),
    ]


def test_the_touch_is_laid_in_front_of_the_levels(files: Files) -> None:
    venue = files.opened("0,99,5,99.5,2", depth=DEPTH)

    assert fills(venue.place(an_order("a", "buy", "4", "101"), at(0))) == [
        ("2", "99.5"),
        ("2", "100"),
    ]


def test_levels_better_than_the_touch_are_gone(files: Files) -> None:
    venue = files.opened("0,97.5,1,101,2", depth=DEPTH)

    bought = venue.place(an_order("a", "buy", "4", "102"), at(0))
    sold = venue.place(an_order("b", "sell", "4", "97"), at(0))

    assert fills(bought) == [("2", "101"), ("2", "102")]
    assert fills(sold) == [("1", "97.5"), ("3", "97")]


def test_the_newest_touch_is_laid_on_an_older_snapshot_and_the_reverse(files: Files) -> None:
    depth = DEPTH + "    20,a,100:1 103:1"
    venue = files.opened("0,99,5,100,5  10,99,5,101,3", depth=depth)

    venue.advance(at(10))
    before = venue.place(an_order("a", "buy", "4", "102"), at(10))
    venue.advance(at(20))
    after = venue.place(an_order("b", "buy", "4", "103"), at(20))

    assert fills(before) == [("3", "101"), ("1", "102")]
    assert fills(after) == [("3", "101"), ("1", "103")]


def test_what_was_taken_is_gone_until_the_next_depth_snapshot(files: Files) -> None:
    venue = files.opened(
        "0,99,5,100,5  10,99,5,100,8", trades="0,1,1,sell 20,1,1,sell", depth=DEPTH + "20,a,100:6"
    )

    first = venue.place(an_order("a", "buy", "4", "100"), at(0))
    second = venue.place(an_order("b", "buy", "4", "100"), at(1))
    venue.advance(at(10))
    after_a_touch = venue.place(an_order("c", "buy", "5", "100"), at(10))
    venue.advance(at(20))
    after_a_snapshot = venue.place(an_order("d", "buy", "9", "100"), at(20))

    assert fills(first) == [("4", "100")]
    assert fills(second) == [("1", "100")]
    assert fills(after_a_touch) == [("3", "100")]
    assert fills(after_a_snapshot) == [("8", "100")]


def test_a_snapshot_of_one_side_leaves_the_other_as_it_was(files: Files) -> None:
    venue = files.opened(BOOK, trades="0,1,1,sell 20,1,1,sell", depth=DEPTH + "    20,a,100:5")

    venue.place(an_order("a", "buy", "5", "100"), at(0))
    venue.place(an_order("b", "sell", "5", "99"), at(0))
    venue.advance(at(20))

    assert fills(venue.place(an_order("c", "buy", "5", "100"), at(20))) == [("5", "100")]
    assert fills(venue.place(an_order("d", "sell", "5", "99"), at(20))) == []


def test_without_depth_what_was_taken_comes_back_with_the_next_book_row(files: Files) -> None:
    venue = files.opened("0,99,5,100,5  10,99,5,100,5", trades="0,100,1,sell 5,100,1,buy")

    first = venue.place(an_order("a", "buy", "4", "101"), at(0))
    venue.advance(at(5))
    second = venue.place(an_order("b", "buy", "4", "101"), at(5))
    venue.advance(at(10))
    third = venue.place(an_order("c", "buy", "9", "101"), at(10))

    assert [fills(each) for each in (first, second, third)] == [
        [("4", "100")],
        [("1", "100")],
        [("5", "100")],
    ]


def test_a_touch_without_size_has_the_last_trades_quantity(files: Files) -> None:
    venue = files.opened("0,99,,100,", trades="0,100,1,sell 0,99,3,buy 7,100,2,sell")

    first = venue.place(an_order("a", "buy", "9", "101"), at(0))
    venue.advance(at(7))
    second = venue.place(an_order("b", "sell", "9", "90"), at(7))

    assert fills(first) == [("3", "100")]
    assert fills(second) == [("2", "99")]


def test_a_size_of_zero_is_no_missing_size(files: Files) -> None:
    venue = files.opened("0,99,5,100,0", depth=DEPTH)

    assert fills(venue.place(an_order("a", "buy", "1", "101"), at(0))) == [("1", "101")]


def test_only_whole_lots_of_a_level_are_filled(files: Files) -> None:
    venue = files.opened("0,99,5,100,0.129", depth=DEPTH)

    assert fills(venue.place(an_order("a", "buy", "1", "101"), at(0))) == [
        ("0.12", "100"),
        ("0.88", "101"),
    ]


def test_before_the_first_touch_an_order_meets_the_depth_alone(files: Files) -> None:
    venue = files.opened("10,99,5,100,5", trades="20,100,1,sell", depth=DEPTH)

    assert fills(venue.place(an_order("a", "buy", "6", "101"), at(0))) == [
        ("5", "100"),
        ("1", "101"),
    ]


def test_before_the_first_trade_a_touch_without_size_is_empty(files: Files) -> None:
    venue = files.opened("0,99,,100,", trades="10,100,1,sell")

    assert ending(venue.place(an_order("a", "buy", "6", "101"), at(0))) == "EXPIRED"


def test_fees_are_exact_and_in_the_quote_currency(files: Files) -> None:
    venue = files.opened("0,99,5,33333.33,5", taker_fee="0.00123456789")

    outcomes = venue.place(an_order("a", "buy", "0.07", "33333.33"), at(0))

    assert fees(outcomes) == [(Decimal("2.880658121934159"), "USDT")]


def test_at_one_instant_book_depth_and_trades_come_before_the_order(files: Files) -> None:
    venue = files.opened(
        "0,99,5,100,5  10,99,,101,",
        trades="0,100,1,sell 10,101,4,buy",
        depth=DEPTH + "    10,a,101:1 102:6",
    )

    venue.advance(at(10))

    assert fills(venue.place(an_order("a", "buy", "6", "102"), at(10))) == [
        ("4", "101"),
        ("2", "102"),
    ]


def test_the_levels_that_an_order_would_meet_can_be_asked_for(files: Files) -> None:
    venue = files.opened(BOOK, depth=DEPTH)
    venue.place(an_order("a", "buy", "5", "100"), at(0))

    assert venue.levels(BTC, Side.BUY) == (
        (Decimal(101), Decimal(7)),
        (Decimal(102), Decimal(9)),
    )
    assert venue.levels(BTC, Side.SELL)[0] == (Decimal(99), Decimal(5))
    assert files.replay(BOOK).levels(BTC, Side.BUY) == ()


# Resting orders.


def test_a_resting_order_waits_behind_the_size_shown_at_its_price(files: Files) -> None:
    venue = files.opened(
        BOOK, depth=DEPTH, trades="0,100,1,sell 1,98,6,sell 2,98,3,sell 3,98,9,sell"
    )
    accepted = venue.place(an_order("a", "buy", "4", "98", resting=True), at(0))

    first = venue.advance(at(1)).outcomes
    second = venue.advance(at(2)).outcomes
    third = venue.advance(at(3)).outcomes

    assert [type(each) for each in accepted] == [OrderAccepted]
    assert first == ()
    assert fills(second) == [("2", "98")]
    assert fills(third) == [("2", "98")]
    assert ending(third) == "FILLED"
    assert fees(third) == [(Decimal("0.098"), "USDT")]
    assert isinstance(third[0], OrderFilled)
    assert (third[0].liquidity, third[0].traded_at) == (Liquidity.MAKER, at(3))


def test_a_resting_order_at_a_price_that_shows_nothing_has_no_queue(files: Files) -> None:
    venue = files.opened(BOOK, trades="0,100,1,sell 1,98.5,3,sell")
    venue.place(an_order("a", "buy", "4", "98.5", resting=True), at(0))

    assert fills(venue.advance(at(1)).outcomes) == [("3", "98.5")]


def test_a_trade_through_the_price_meets_the_queue_ahead_first_and_fills_at_our_price(
    files: Files,
) -> None:
    venue = files.opened(BOOK, depth=DEPTH, trades="0,100,1,sell 1,97.5,3,sell 2,97.5,9,sell")
    ahead = venue.levels(BTC, Side.SELL)
    shown = next(size for price, size in ahead if price == Decimal(98))
    venue.place(an_order("a", "buy", "4", "98", resting=True), at(0))

    outcomes = venue.advance(at(2)).outcomes

    filled = sum((Decimal(quantity) for quantity, _ in fills(outcomes)), Decimal(0))
    assert filled == min(Decimal(4), Decimal(12) - shown)
    assert {price for _, price in fills(outcomes)} == {"98"}


def test_trades_that_stay_away_or_come_from_our_own_side_fill_nothing(files: Files) -> None:
    venue = files.opened(BOOK, trades="0,100,1,sell 1,98.5,3,sell 2,97,9,buy")
    venue.place(an_order("a", "buy", "4", "98", resting=True), at(0))

    assert venue.advance(at(2)).outcomes == ()


def test_where_the_taker_is_unknown_the_price_decides(files: Files) -> None:
    venue = files.opened(BOOK, trades="0,100,1,sell 1,101,2, 2,98,3,")
    venue.place(an_order("a", "buy", "4", "98", resting=True), at(0))
    venue.place(an_order("b", "sell", "4", "101", resting=True), at(0))

    outcomes = venue.advance(at(2)).outcomes

    assert [(str(each.client_order_id), str(each.quantity)) for each in _filled(outcomes)] == [
        ("b", "2"),
        ("a", "3"),
    ]


def _filled(outcomes: tuple[object, ...]) -> list[OrderFilled]:
    return [each for each in outcomes if isinstance(each, OrderFilled)]


def test_a_sell_rests_among_the_asks(files: Files) -> None:
    venue = files.opened(BOOK, depth=DEPTH, trades="0,100,1,sell 1,101,8,buy")
    venue.place(an_order("a", "sell", "4", "101", resting=True), at(0))

    assert fills(venue.advance(at(1)).outcomes) == [("1", "101")]


def test_one_trade_never_fills_more_than_its_quantity_best_price_first(files: Files) -> None:
    venue = files.opened(BOOK, trades="0,100,1,sell 1,97,5,sell")
    for name, price in (("low", "97.5"), ("high", "98"), ("late", "98")):
        venue.place(an_order(name, "buy", "2", price, resting=True), at(0))

    outcomes = venue.advance(at(1)).outcomes

    assert [(str(each.client_order_id), str(each.quantity)) for each in _filled(outcomes)] == [
        ("high", "2"),
        ("late", "2"),
        ("low", "1"),
    ]


def test_a_post_only_order_that_would_cross_is_rejected(files: Files) -> None:
    venue = files.opened(BOOK)

    buy = venue.place(an_order("a", "buy", "1", "100", resting=True), at(0))
    sell = venue.place(an_order("b", "sell", "1", "99", resting=True), at(0))

    assert [ending(buy), ending(sell)] == ["REJECTED", "REJECTED"]
    assert detail(buy) == "a post-only order at 100 would cross the best price 100"


def test_a_cancelled_order_fills_no_more_and_gives_its_funds_back(files: Files) -> None:
    venue = files.opened(BOOK, trades="0,100,1,sell 1,98,1,sell 2,98,9,sell")
    opening = venue.balances()
    venue.place(an_order("a", "buy", "4", "98", resting=True), at(0))
    held = opening["USDT"] - venue.balances()["USDT"]
    venue.advance(at(1))

    closed = venue.cancel(a_cancel("a"), at(1))

    assert ending(closed) == "CANCELLED"
    assert venue.advance(at(2)).outcomes == ()
    assert held == Decimal("392.196")
    assert opening["USDT"] - venue.balances()["USDT"] == Decimal("98.049")
    assert venue.balances()["BTC"] - opening["BTC"] == 1


def test_cancelling_one_order_leaves_the_others(files: Files) -> None:
    venue = files.opened(BOOK, trades="0,100,1,sell 2,98,9,sell")
    venue.place(an_order("a", "buy", "4", "98", resting=True), at(0))
    venue.place(an_order("b", "buy", "3", "98", resting=True), at(0))
    venue.cancel(a_cancel("a"), at(1))

    assert fills(venue.advance(at(2)).outcomes) == [("3", "98")]


# What is asked again, and what was never heard of.


def test_a_repeated_order_is_answered_again_and_not_matched_again(files: Files) -> None:
    venue = files.opened(BOOK)
    once = venue.place(an_order("a", "buy", "2", "100"), at(0))
    balances = venue.balances()

    twice = venue.place(an_order("a", "buy", "2", "100"), at(0))

    assert twice == once
    assert venue.balances() == balances


def test_a_look_up_tells_the_whole_story_at_the_time_it_is_asked(files: Files) -> None:
    venue = files.opened(BOOK)
    venue.place(an_order("a", "buy", "7", "100"), at(0))

    answer = venue.look_up(a_question("a"), at(9))

    assert fills(answer) == [("5", "100")]
    assert ending(answer) == "EXPIRED"
    assert {each.at for each in answer} == {at(9)}
    assert [each.traded_at for each in _filled(answer)] == [at(0)]


def test_a_resting_order_is_looked_up_as_open(files: Files) -> None:
    venue = files.opened(BOOK)
    venue.place(an_order("a", "buy", "7", "98", resting=True), at(0))

    assert [type(each) for each in venue.look_up(a_question("a"), at(9))] == [OrderAccepted]


def test_cancelling_a_closed_order_closes_it_again(files: Files) -> None:
    venue = files.opened(BOOK)
    venue.place(an_order("a", "buy", "2", "100"), at(0))

    assert ending(venue.cancel(a_cancel("a"), at(1))) == "FILLED"


def test_an_unknown_order_is_not_found_and_cannot_come_later(files: Files) -> None:
    venue = files.opened(BOOK)
    not_found = OrderNotFound(
        at=at(1),
        execution_id=ExecutionId("x"),
        client_order_id=ClientOrderId("a"),
        asked_at=at(1),
        is_proof=True,
    )

    assert venue.cancel(a_cancel("a"), at(1)) == (not_found,)
    assert venue.look_up(a_question("a"), at(1)) == (not_found,)
    assert ending(venue.place(an_order("a", "buy", "2", "100"), at(2))) == "REJECTED"
    assert venue.look_up(a_question("a"), at(1)) == (not_found,)


# What is not accepted.


@pytest.mark.parametrize(
    ("side", "quantity", "price", "why"),
    [
        ("buy", "0.005", "100", "quantity 0.005 is no multiple of the lot 0.01"),
        ("buy", "0", "100", "quantity 0 is no multiple of the lot 0.01"),
        ("buy", "1", "100.001", "price 100.001 is no multiple of the tick 0.01"),
        ("buy", "0.06", "70", "notional 4.2 is below the minimum 5"),
        ("buy", "0.05", "1000", "quantity 0.05 is below the minimum 0.06"),
        ("buy", "11", "100", "quantity 11 is above the maximum 10"),
        ("buy", "10", "99999999", "the balance is insufficient: 1000999989.99 USDT are needed"),
        ("sell", "10", "100", "the balance is insufficient: 10 BTC are needed, 1 are free"),
    ],
)
def test_what_the_rules_or_the_balance_forbid_is_rejected(
    files: Files, side: str, quantity: str, price: str, why: str
) -> None:
    venue = files.opened(
        "0,99999999,5,100000001,5", min_quantity="0.06", max_quantity="10", taker_fee="0.001"
    )

    outcomes = venue.place(an_order("a", side, quantity, price), at(0))

    assert [type(each) for each in outcomes] == [OrderClosed]
    assert ending(outcomes) == "REJECTED"
    assert detail(outcomes).startswith(why)
    assert outcomes == venue.look_up(a_question("a"), at(0))
    assert isinstance(outcomes[0], OrderClosed)
    assert outcomes[0].reason is Reason.VENUE_REJECTED


def test_an_order_for_a_symbol_that_is_not_open_is_rejected(files: Files) -> None:
    venue = files.replay(BOOK)

    assert detail(venue.place(an_order("a", "buy", "1", "100"), at(0))) == (
        "no market is open for BTC/USDT"
    )


# What an earlier run did.


def a_past_fill(quantity: str, price: str, ms: int, name: str = "a", number: int = 1) -> PastFill:
    return PastFill(
        execution_id=ExecutionId("x"),
        client_order_id=ClientOrderId(name),
        venue_order_id=VenueOrderId(f"v-{name}"),
        trade_id=TradeId(f"v-{name}-{number}"),
        symbol=BTC,
        side=Side.BUY,
        quantity=Decimal(quantity),
        price=Decimal(price),
        fee=Decimal("0.1"),
        fee_currency="USDT",
        traded_at=at(ms),
    )


def test_restored_fills_are_in_the_balances_and_in_the_ledger(files: Files) -> None:
    venue = files.replay(BOOK)
    opening = venue.balances()

    venue.restore([a_past_fill("2", "100", 0), a_past_fill("1", "101", 0, number=2)])
    venue.open(BTC, at(0))
    answer = venue.look_up(a_question("a"), at(5))

    assert venue.balances()["BTC"] - opening["BTC"] == 3
    assert opening["USDT"] - venue.balances()["USDT"] == Decimal("301.2")
    assert fills(answer) == [("2", "100"), ("1", "101")]
    assert ending(answer) == "EXPIRED"
    assert venue.place(an_order("a", "buy", "9", "100"), at(5)) == answer


def test_fills_of_unknown_symbols_are_left_alone(files: Files) -> None:
    venue = files.replay(BOOK)
    opening = venue.balances()

    venue.restore([replace(a_past_fill("2", "100", 0), symbol="ETH/USDT")])

    assert venue.balances() == opening


@pytest.mark.parametrize("depth", [DEPTH + "    10,a,100:5 101:7", None])
def test_liquidity_taken_since_the_snapshot_in_force_stays_gone(
    files: Files, depth: str | None
) -> None:
    venue = files.replay("0,99,5,100,5  10,99,5,100,5", trades="0,1,1,sell 12,1,1,buy", depth=depth)
    venue.restore(
        [
            a_past_fill("4", "100", 9, "before"),
            a_past_fill("2", "100", 10, "same instant"),
            a_past_fill("1", "100", 11, "after"),
            a_past_fill("1", "100", 13, "an earlier pass"),
            replace(a_past_fill("1", "100", 11, "resting"), liquidity=Liquidity.MAKER),
        ]
    )

    venue.open(BTC, at(12))

    assert fills(venue.place(an_order("b", "buy", "9", "100"), at(12))) == [("2", "100")]


def test_all_our_trades_since_a_time_are_told_for_whoever_missed_them(files: Files) -> None:
    venue = files.opened(BOOK, depth=DEPTH)
    venue.place(an_order("a", "buy", "1", "102"), at(3))
    venue.place(an_order("b", "buy", "1", "102"), at(4))

    told = venue.trades_since(BTC, at(4), at(9))

    assert [(trade.client_order_id, trade.traded_at, trade.at) for trade in told] == [
        ("b", at(4), at(9))
    ]
    assert venue.trades_since(Symbol("ETH/USDT"), at(0), at(9)) == ()
