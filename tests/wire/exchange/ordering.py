"""Orders as they are asked for and as they are shown."""

from __future__ import annotations

import secrets
from typing import Any, cast

from tests.wire.exchange.asking import Asked
from tests.wire.exchange.engine import NewOrder
from tests.wire.exchange.ledger import ZERO, Fill, Order
from tests.wire.exchange.params import Params
from tests.wire.exchange.public import quote_text
from tests.wire.exchange.refusals import Refusal, invalid, missing, not_required, said
from tests.wire.exchange.symbols import ORDER_TYPES, text

REPLIES = {"ACK", "RESULT", "FULL"}


def read_order(params: Params) -> NewOrder:
    symbol, side, kind = params.symbol(), params.text("side"), params.text("type")
    if side not in {"BUY", "SELL"}:
        raise invalid("side")
    if kind not in ORDER_TYPES:
        raise invalid("orderType")
    price, quantity = params.amount("price"), params.amount("quantity")
    by_quote, in_force = params.amount("quoteOrderQty"), params.optional("timeInForce")
    if in_force not in {None, "GTC", "IOC", "FOK"}:
        raise invalid("timeInForce")
    _check_combination(kind, {"price": price, "timeInForce": in_force, "quoteOrderQty": by_quote})
    if quantity is None and by_quote is None:
        raise missing("quantity")
    if quantity is not None and by_quote is not None:
        raise Refusal(-1128, "Combination of optional parameters invalid.")
    if price == 0:
        raise Refusal(-1013, "Invalid price.")
    if params.optional("newOrderRespType") not in REPLIES | {None}:
        raise Refusal(-1122, "Invalid newOrderRespType.")
    params.optional("selfTradePreventionMode")
    params.optional("strategyId")
    client_order_id = params.client_id("newClientOrderId") or made_up_name()
    params.check_all_read()
    default = "IOC" if kind == "MARKET" else "GTC"
    return NewOrder(
        symbol,
        client_order_id,
        cast("Any", side),
        cast("Any", kind),
        cast("Any", in_force or default),
        price or ZERO,
        quantity or ZERO,
        by_quote or ZERO,
    )


def _check_combination(kind: str, sent: dict[str, Any]) -> None:
    required = {"LIMIT": {"price", "timeInForce"}, "LIMIT_MAKER": {"price"}, "MARKET": set[str]()}
    allowed = required[kind] | ({"quoteOrderQty"} if kind == "MARKET" else set())
    for name, value in sent.items():
        if value is None and name in required[kind]:
            raise missing(name)
        if value is not None and name not in allowed:
            raise not_required(name)


def made_up_name() -> str:
    return secrets.token_urlsafe(16)[:22]


def find(asked: Asked, refusal: int) -> Order:
    """By `orderId` or `origClientOrderId`; the refusal's code says what "not found" is called."""
    params = asked.params
    symbol = asked.market().symbol
    order_id, name = params.whole("orderId"), params.optional("origClientOrderId")
    if order_id is None and name is None:
        raise Refusal(
            -1102,
            "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!",
        )
    if order_id is not None:
        order = asked.account.order(order_id, asked.as_of)
    else:
        order = asked.account.named(name or "", asked.as_of)
    if order is None or order.symbol != symbol or (name and order.client_order_id != name):
        raise said(refusal)
    return order


def new_order_reply(order: Order, fills: list[Fill], wanted: str | None) -> dict[str, Any]:
    wanted = wanted or ("ACK" if order.type == "LIMIT_MAKER" else "FULL")
    reply: dict[str, Any] = {
        "symbol": order.symbol.id,
        "orderId": order.order_id,
        "orderListId": -1,
        "clientOrderId": order.client_order_id,
        "transactTime": order.updated,
    }
    if wanted == "ACK":
        return reply
    reply |= _figures(order) | {"workingTime": order.at, "selfTradePreventionMode": "EXPIRE_MAKER"}
    if wanted == "FULL":
        reply["fills"] = [_fill_of_reply(fill) for fill in fills]
    return reply


def _fill_of_reply(fill: Fill) -> dict[str, Any]:
    return {
        "price": text(fill.price),
        "qty": text(fill.quantity),
        "commission": text(fill.fee),
        "commissionAsset": fill.fee_asset,
        "tradeId": fill.trade_id,
    }


def _figures(order: Order) -> dict[str, Any]:
    return {
        "price": text(order.price),
        "origQty": text(order.quantity),
        "executedQty": text(order.executed),
        "origQuoteOrderQty": text(order.quote_quantity),
        "cummulativeQuoteQty": quote_text(order.executed_quote),
        "status": order.status,
        "timeInForce": order.time_in_force,
        "type": order.type,
        "side": order.side,
    }


def order_shown(order: Order) -> dict[str, Any]:
    return {
        "symbol": order.symbol.id,
        "orderId": order.order_id,
        "orderListId": -1,
        "clientOrderId": order.client_order_id,
        **_figures(order),
        "stopPrice": "0.00000000",
        "icebergQty": "0.00000000",
        "time": order.at,
        "updateTime": order.updated,
        "isWorking": True,
        "workingTime": order.at,
        "selfTradePreventionMode": "EXPIRE_MAKER",
    }


def cancel_reply(order: Order, name: str | None) -> dict[str, Any]:
    """A cancel has a name of its own; the order's is told apart from it."""
    return {
        "symbol": order.symbol.id,
        "origClientOrderId": order.client_order_id,
        "orderId": order.order_id,
        "orderListId": -1,
        "clientOrderId": name or made_up_name(),
        "transactTime": order.updated,
        **_figures(order),
        "selfTradePreventionMode": "EXPIRE_MAKER",
    }


def trade_shown(fill: Fill) -> dict[str, Any]:
    return {
        "symbol": fill.symbol.id,
        "id": fill.trade_id,
        "orderId": fill.order_id,
        "orderListId": -1,
        "price": text(fill.price),
        "qty": text(fill.quantity),
        "quoteQty": quote_text(fill.quote_quantity),
        "commission": text(fill.fee),
        "commissionAsset": fill.fee_asset,
        "time": fill.at,
        "isBuyer": fill.side == "BUY",
        "isMaker": fill.is_maker,
        "isBestMatch": True,
    }
