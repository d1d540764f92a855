"""What the engine's own trading has made of the account."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from genesis_actors.domain.exposure import Account, Standing
from genesis_actors.messages.risk import Traded
from genesis_actors.values import ZERO, ClientOrderId, Side, Symbol
from tests.domain.executions import NOON, SYMBOL


def traded(side: Side, quantity: str, price: str, *, fee: str = "0", days: int = 0) -> Traded:
    at = NOON + timedelta(days=days)
    return Traded(SYMBOL, side, Decimal(quantity), Decimal(price), Decimal(fee), at)


def loss(account: Account, mark: str, *, days: int = 0) -> Decimal:
    now = NOON + timedelta(days=days)
    found = account.standing(SYMBOL, Side.BUY, ZERO, mark=Decimal(mark), now=now)
    return found.loss_today


def test_a_days_result_is_what_was_realised_and_what_is_open_at_the_mid_with_fees() -> None:
    account = Account()
    account.trade(traded(Side.BUY, "3", "100", fee="0.3"))
    account.trade(traded(Side.SELL, "1", "98", fee="0.1"))

    assert loss(account, "99") == Decimal("4.4"), "2 lost, 2 open at 1 less, and 0.4 of fees"
    assert loss(account, "110") == Decimal("-17.6")


def test_each_day_has_its_own_result_and_what_is_told_late_of_another_is_not_in_it() -> None:
    account = Account()
    account.trade(traded(Side.BUY, "1", "100"))
    assert loss(account, "90", days=1) == ZERO

    account.trade(traded(Side.BUY, "1", "95", days=1))
    account.trade(traded(Side.BUY, "1", "100"))

    assert loss(account, "90", days=1) == Decimal(5)
    assert account.position(SYMBOL).quantity == Decimal(3)


SYMBOLS = [Symbol("BTC/USDT"), Symbol("ETH/USDT"), Symbol("ETH/BTC")]
quantities = st.sampled_from(["0.1", "1", "7"]).map(Decimal)
steps = st.lists(
    st.tuples(
        st.sampled_from(["hold", "reserve", "use", "release", "trade", "mark"]),
        st.sampled_from(SYMBOLS),
        st.sampled_from(Side),
        quantities,
        st.sampled_from([0, 1]),
    ),
    max_size=25,
)


def worked_out_anew(account: Account, symbol: Symbol, side: Side, now: datetime) -> Standing:
    own, today = account.position(symbol), now.date()
    of_currency = [held for held in account.positions.values() if held.currency == own.currency]
    others = [held for held in of_currency if held is not own]
    quantity = side.sign * own.quantity
    return Standing(
        position=quantity,
        committed=quantity + (own.bought if side is Side.BUY else own.sold),
        other_positions=sum((held.worth.value for held in others), ZERO),
        other_exposure=sum((held.worth.exposure for held in others), ZERO),
        loss_today=sum((held.worth.loss for held in of_currency if held.day == today), ZERO),
    )


@given(steps)
def test_sums_that_are_kept_are_what_would_be_worked_out_anew(
    done: list[tuple[str, Symbol, Side, Decimal, int]],
) -> None:
    account = Account()
    for number, (what, symbol, side, quantity, days) in enumerate(done):
        name, now = ClientOrderId(f"{symbol}-{number % 3}"), NOON + timedelta(days=days)
        match what:
            case "hold":
                account.hold(symbol, side.sign * quantity, Decimal(90))
            case "reserve":
                account.reserve(name, symbol, side, quantity)
            case "use":
                account.use(name, quantity)
            case "release":
                account.release(name, quantity)
            case "trade":
                account.trade(Traded(symbol, side, quantity, Decimal(101), Decimal("0.2"), now))
            case _:
                account.standing(symbol, side, ZERO, mark=quantity * 100, now=now)

        for each in SYMBOLS:
            known = account.standing(each, side, ZERO, mark=None, now=now)
            assert known == worked_out_anew(account, each, side, now)
