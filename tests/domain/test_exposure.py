"""What the engine's own trading has made of the account."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from genesis_actors.domain.exposure import Account
from genesis_actors.messages.risk import Traded
from genesis_actors.values import ZERO, Side
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
