"""Executions that want more of a symbol than its volume allows: each gets its part, and nobody waits for ever."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis_actors.domain.sharing import Claim, fair_quantity
from genesis_actors.domain.symbol_use import CLAIM_LASTS, SymbolUse
from genesis_actors.values import ZERO, ClientOrderId, ExecutionId, TradeId
from tests.domain.executions import NOON, seconds
from tests.domain.test_limits import order

LOT = Decimal("0.01")


def claim(
    wanted: str = "100",
    *,
    weight: str = "100",
    taken: str = "0",
    least: str = "0.01",
    since: int = 0,
) -> Claim:
    return Claim(
        Decimal(wanted), Decimal(weight), Decimal(taken), Decimal(least), NOON + seconds(since)
    )


def share(free: str, asking: Claim, *waiting: Claim) -> Decimal:
    return fair_quantity(Decimal(free), asking, waiting, LOT)


# --- One division ------------------------------------------------------------------------------------


def test_alone_everything_is_free() -> None:
    assert share("7.777", claim()) == Decimal("7.77")


def test_shares_go_by_what_is_still_to_do() -> None:
    assert share("8", claim(weight="300"), claim(weight="100")) == 6
    assert share("8", claim(weight="100"), claim(weight="300")) == 2


def test_what_one_does_not_want_is_for_the_others() -> None:
    assert share("8", claim(weight="100"), claim("0.5", weight="300")) == Decimal("7.5")


def test_where_there_is_enough_for_all_nobody_is_cut() -> None:
    assert share("8", claim("5"), claim("3", weight="1000")) == 5


def test_what_was_taken_counts() -> None:
    assert share("8", claim(taken="6"), claim()) == 1
    assert share("8", claim(), claim(taken="6")) == 7
    assert share("8", claim(taken="9"), claim()) == 0


def test_nothing_is_shared_where_nothing_is_free() -> None:
    assert share("0", claim(), claim()) == 0
    assert share("-1", claim(), claim()) == 0


def test_a_share_that_is_too_small_is_traded_in_turn() -> None:
    first, second, third = (claim(least="3", since=second) for second in range(3))

    assert share("4", first, second, third) == 3
    assert share("4", second, first, third) == 0
    assert share("6", second, third, first) == 3
    assert share("6", third, second, first) == 0


def test_the_large_leave_the_small_an_order_that_can_be_sent() -> None:
    large = claim("1000", weight="9900", taken="9.9", least="1")
    small = claim("5", weight="100", least="1", since=9)

    assert share("1.5", large, small) == 0
    assert share("1.5", small, large) == 1
    assert share("3", large, small) == 2


def test_a_third_is_no_lot_less_for_being_divided() -> None:
    three = [claim(weight=f"{weight}") for weight in (7, 14, 21)]

    assert share("18", three[0], three[1], three[2]) == 3
    assert share("18", three[2], three[0], three[1]) == 9


quantities = st.integers(1, 500).map(lambda cents: Decimal(cents) / 100)
claims = st.builds(
    lambda wanted, more, taken, least, since: Claim(
        wanted, wanted + more, taken, least, NOON + seconds(since)
    ),
    quantities,
    quantities | st.just(ZERO),
    quantities | st.just(ZERO),
    quantities,
    st.integers(0, 5),
)


@given(quantities, claims, st.lists(claims, max_size=6))
def test_nobody_gets_more_than_is_free_or_wanted_or_less_than_can_be_sent(
    free: Decimal, asking: Claim, waiting: list[Claim]
) -> None:
    quantity = fair_quantity(free, asking, waiting, LOT)

    assert ZERO <= quantity <= min(free, asking.wanted)
    assert quantity == 0 or quantity >= min(asking.least, asking.wanted)
    if free >= asking.wanted and not waiting:
        assert quantity == asking.wanted


@given(quantities, claims, st.lists(claims, max_size=6))
def test_whoever_was_served_least_gets_something_where_there_is_enough(
    free: Decimal, asking: Claim, waiting: list[Claim]
) -> None:
    first = min([asking, *waiting], key=lambda each: (each.served, each.since))
    others = [each for each in [asking, *waiting] if each is not first]

    quantity = fair_quantity(free, first, others, LOT)
    assert (quantity > 0) == (free >= min(first.least, first.wanted))


@given(quantities, st.lists(claims, min_size=2, max_size=6))
def test_all_together_get_what_is_free_in_whatever_order_they_ask(
    free: Decimal, some: list[Claim]
) -> None:
    """One after the other, with what was given counted as taken: never more, and no lot for each less."""
    fine = [Claim(c.wanted, c.weight, c.taken, LOT, c.since) for c in some]
    left, given_away = free, ZERO
    for index in range(len(fine)):
        others = [each for number, each in enumerate(fine) if number != index and each.wanted]
        mine = fine[index]
        quantity = fair_quantity(left, mine, others, LOT)
        left -= quantity
        given_away += quantity
        fine[index] = Claim(
            mine.wanted - quantity, mine.weight, mine.taken + quantity, LOT, mine.since
        )

    assert left >= 0
    wanted = sum((c.wanted for c in some), ZERO)
    levels = sorted(c.served for c in fine if c.wanted)
    if levels and left > LOT * len(fine):
        pytest.fail(f"{left} of {free} is left, {wanted} was wanted")


# --- Over time ---------------------------------------------------------------------------------------


@dataclass
class Trader:
    name: str
    left: Decimal
    least: Decimal
    filled: Decimal = ZERO
    last_at: int = 0
    longest_wait: int = 0


def trade_for(
    traders: Sequence[Trader], *, until: int, seed: int, budget: str = "10"
) -> list[tuple[int, Decimal]]:
    """Let each ask at random times, at least every 10 s, for all that it has to do; everything fills at once."""
    use, rolls, fills = SymbolUse(), random.Random(seed), list[tuple[int, Decimal]]()
    asks = sorted(
        (second, rolls.random(), trader)
        for trader in traders
        for second in range(rolls.randrange(10), until, rolls.randrange(3, 10))
    )
    for number, (second, _, trader) in enumerate(asks):
        now = NOON + seconds(second)
        wanted = min(trader.left - trader.filled, Decimal(budget))
        for _attempt in range(2):
            if wanted < min(trader.least, trader.left - trader.filled) or wanted <= 0:
                break
            asked = order(
                str(wanted),
                client_order_id=ClientOrderId(f"{trader.name}-{number}"),
                execution_id=ExecutionId(trader.name),
                market_volume=Decimal(budget) * 10,
                window_start=now - seconds(60),
                remaining_quantity=trader.left - trader.filled,
            )
            allowed = use.allowance(asked, lot=LOT, least=trader.least, now=now)
            if allowed < wanted:
                use.wait_for(asked, least=trader.least, now=now)
                wanted = allowed
                continue
            use.passed(asked, now)
            use.know(asked.client_order_id, asked.execution_id)
            use.reserve(asked.client_order_id, wanted)
            use.fill(asked.client_order_id, TradeId(f"t{number}"), now, wanted)
            trader.filled += wanted
            trader.longest_wait = max(trader.longest_wait, second - trader.last_at)
            trader.last_at = second
            fills.append((second, wanted))
            break
    for trader in traders:
        if trader.filled < trader.left:
            trader.longest_wait = max(trader.longest_wait, until - trader.last_at)
    return fills


def most_in_a_window(fills: Sequence[tuple[int, Decimal]]) -> Decimal:
    return max(
        sum((quantity for at, quantity in fills if end - 60 < at <= end), ZERO) for end, _ in fills
    )


@pytest.mark.parametrize("seed", range(5))
def test_two_who_would_take_all_share_it_by_what_they_have_to_do(seed: int) -> None:
    large, small = Trader("x1", Decimal(900), LOT), Trader("x2", Decimal(300), LOT)
    fills = trade_for([large, small], until=1800, seed=seed)

    assert most_in_a_window(fills) <= 10
    assert large.filled + small.filled >= 280, "hardly any of the budget is left unused"
    assert Decimal("2.5") < large.filled / small.filled < Decimal("3.5")


@pytest.mark.parametrize("seed", range(5))
def test_nobody_starves_though_shares_are_smaller_than_an_order(seed: int) -> None:
    """Ten orders fit into a minute; forty wait, of which one has to do a thousand times as much as the others."""
    traders = [Trader("x0", Decimal(100_000), Decimal(1))]
    traders += [Trader(f"x{number}", Decimal(100), Decimal(1)) for number in range(1, 40)]
    fills = trade_for(traders, until=1800, seed=seed)

    assert most_in_a_window(fills) <= 10
    assert max(trader.longest_wait for trader in traders) <= 420
    assert sum(trader.filled for trader in traders) >= 270


def test_who_does_not_come_again_holds_nothing_back() -> None:
    use = SymbolUse()
    gone = order("9", execution_id=ExecutionId("x1"), remaining_quantity=Decimal(900))
    use.wait_for(gone, least=LOT, now=NOON)
    mine = order("4", execution_id=ExecutionId("x2"), remaining_quantity=Decimal(100))

    assert use.allowance(mine, lot=LOT, least=LOT, now=NOON) == Decimal("0.5")
    assert use.allowance(mine, lot=LOT, least=LOT, now=NOON + CLAIM_LASTS) == 5
    use.wait_for(mine, least=LOT, now=NOON + CLAIM_LASTS)
    assert set(use._waiting) == {ExecutionId("x2")}


def test_who_is_stopped_by_something_else_holds_nothing_back() -> None:
    use = SymbolUse()
    use.wait_for(order("9", execution_id=ExecutionId("x1")), least=LOT, now=NOON)
    use.want_nothing(ExecutionId("x1"))

    mine = order("4", execution_id=ExecutionId("x2"))
    assert use.allowance(mine, lot=LOT, least=LOT, now=NOON) == 5


def test_what_one_was_cut_by_is_waited_for_still() -> None:
    use = SymbolUse()
    mine = order("5", execution_id=ExecutionId("x1"), remaining_quantity=Decimal(5))
    other = order("5", execution_id=ExecutionId("x2"), remaining_quantity=Decimal(5))
    use.wait_for(mine, least=LOT, now=NOON)
    use.passed(order("2", execution_id=ExecutionId("x1"), remaining_quantity=Decimal(5)), NOON)

    # It has had nothing that is known of here, has 3 to do, and still wants them.
    assert use.allowance(other, lot=LOT, least=LOT, now=NOON) == Decimal("3.12")
    use.passed(order("3", execution_id=ExecutionId("x1"), remaining_quantity=Decimal(3)), NOON)
    assert use.allowance(other, lot=LOT, least=LOT, now=NOON) == 5
