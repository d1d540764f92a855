"""What a user data stream says when an order changes."""

from __future__ import annotations

from typing import Any

from tests.wire.exchange.ledger import Account, Fill, Order
from tests.wire.exchange.ordering import made_up_name
from tests.wire.exchange.public import quote_text
from tests.wire.exchange.symbols import text


def execution_report(order: Order, fill: Fill | None, now: int) -> dict[str, Any]:
    cancelled = order.status == "CANCELED"
    zero = text(order.price * 0)
    return {
        "e": "executionReport",
        "E": now,
        "s": order.symbol.id,
        # A cancel has a name of its own; then C is the order's.
        "c": made_up_name() if cancelled else order.client_order_id,
        "C": order.client_order_id if cancelled else "",
        "S": order.side,
        "o": order.type,
        "f": order.time_in_force,
        "q": text(order.quantity),
        "p": text(order.price),
        "P": zero,
        "F": zero,
        "g": -1,
        "x": "TRADE" if fill else order.status,
        "X": order.status,
        "r": "NONE",
        "i": order.order_id,
        "l": text(fill.quantity) if fill else zero,
        "z": text(order.executed),
        "L": text(fill.price) if fill else zero,
        "n": text(fill.fee) if fill else "0",
        "N": fill.fee_asset if fill else None,
        "T": order.updated,
        "t": fill.trade_id if fill else -1,
        "v": 0,
        "I": order.order_id * 10,
        "w": order.is_open,
        "m": bool(fill and fill.is_maker),
        "M": bool(fill),
        "O": order.at,
        "Z": quote_text(order.executed_quote),
        "Y": quote_text(fill.quote_quantity) if fill else zero,
        "Q": text(order.quote_quantity),
        "W": order.at,
        "V": "EXPIRE_MAKER",
    }


def balances_report(account: Account, order: Order, now: int) -> dict[str, Any]:
    assets = dict.fromkeys([order.symbol.base, order.symbol.quote, account.fees.third_asset])
    return {
        "e": "outboundAccountPosition",
        "E": now,
        "u": order.updated,
        "B": [
            {"a": a, "f": text(account.balance(a).free), "l": text(account.balance(a).locked)}
            for a in assets
        ],
    }
