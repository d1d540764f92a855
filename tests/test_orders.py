from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from genesis_actors.orders import Amendment, OrderError, TwapOrder
from genesis_actors.values import Side


def parse(**changes: object) -> TwapOrder:
    fields: dict[str, object] = {
        "symbol": "btc/usdt",
        "side": "buy",
        "quantity": "10",
        "duration": "10m",
    }
    return TwapOrder.parse(**{**fields, **changes})


def test_an_order_is_read_as_a_user_writes_it() -> None:
    order = parse(
        max_participation="5%", max_slippage_bps="20bps", early_completion="off", every="15s"
    ).parent_order()

    assert (order.symbol, order.side) == ("BTC/USDT", Side.BUY)
    assert (order.quantity, order.duration) == (Decimal(10), timedelta(minutes=10))
    assert (order.max_participation, order.max_slippage_bps) == (Decimal("0.05"), Decimal(20))
    assert (order.early_completion, order.slice_interval) == (Decimal(0), timedelta(seconds=15))


@pytest.mark.parametrize("off", ["off", "OFF", " Off "])
def test_early_completion_is_switched_off_however_that_is_written(off: str) -> None:
    assert parse(early_completion=off).early_completion == 0


def test_a_quantity_in_quote_is_marked_as_such() -> None:
    order = parse(quantity="25000quote").parent_order()

    assert (order.quantity, order.quantity_in_quote) == (Decimal(25_000), True)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"symbol": "BTCUSDT"}, "BASE/QUOTE"),
        ({"symbol": 5}, "valid string"),
        ({"side": "hold"}, "buy"),
        ({"quantity": "NaN"}, "finite"),
        ({"quantity": "Infinity"}, "finite"),
        ({"quantity": "ten"}, "not a number"),
        ({"quantity": "1_000"}, "not a number"),
        ({"quantity": "-1"}, "greater than 0"),
        ({"quantity": "0"}, "greater than 0"),
        ({"quantity": 0.1}, "not exact"),
        ({"duration": "10"}, "90s, 15m or 2h"),
        ({"duration": "-10m"}, "90s, 15m or 2h"),
        ({"duration": "0s"}, "longer than zero"),
        ({"every": "30s", "slices": 5}, "not both"),
        ({"slices": 0}, "greater than or equal to 1"),
        ({"max_participation": "0"}, "greater than 0"),
        ({"max_participation": "200%"}, "less than or equal to 1"),
        ({"max_slippage_bps": "-5bps"}, "greater than or equal to 0"),
        ({"max_slippage_bps": 5.5}, "not exact"),
        ({"early_completion": "100%"}, "less than 1"),
        ({"jitter": "100%"}, "less than 1"),
        ({"limit_price": "0"}, "greater than 0"),
        ({"seed": -1}, "greater than or equal to 0"),
        ({"client_id": ""}, "at least 1"),
        ({"surprise": 1}, "Extra inputs"),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_was_expected(
    changes: dict[str, object], said: str
) -> None:
    with pytest.raises(OrderError, match=said):
        parse(**changes)


def test_something_else_than_an_order_is_refused() -> None:
    with pytest.raises(ValueError, match="valid dictionary"):
        TwapOrder.model_validate("buy")


@pytest.mark.parametrize(
    "written", ["1e-999999", "1e-1000000000000000000", "1e999999", Decimal("1e-41"), 10**40]
)
@pytest.mark.parametrize(
    "field",
    ["quantity", "limit_price", "volume_adaptivity", "max_slippage_bps", "early_completion"],
)
def test_a_number_that_nobody_could_calculate_with_is_refused(field: str, written: object) -> None:
    with pytest.raises(OrderError, match="at most 40 digits"):
        parse(**{field: written})


def test_an_end_before_all_times_is_refused() -> None:
    with pytest.raises(OrderError, match=r"deadline: .* out of reach"):
        Amendment.parse(deadline="0001-01-01T00:00:00+23:59")
