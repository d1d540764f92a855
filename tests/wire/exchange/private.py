"""What belongs to an account: orders, trades, balances, the scope of its keys."""

from __future__ import annotations

from typing import Any

from tests.wire.exchange import ordering
from tests.wire.exchange.asking import Asked
from tests.wire.exchange.ledger import Account, Fill, Order
from tests.wire.exchange.refusals import Refusal, said
from tests.wire.exchange.symbols import text

DAY = 86_400_000


def create_order(asked: Asked) -> Any:
    new, wanted = ordering.read_order(asked.params), asked.params.optional("newOrderRespType")
    asked.exchange.engine.market(new.symbol)
    order, fills = asked.exchange.engine.submit(asked.account, new, asked.now)
    return ordering.new_order_reply(order, fills, wanted)


def try_order(asked: Asked) -> Any:
    asked.params.optional("computeCommissionRates")
    asked.exchange.engine.check(asked.account, ordering.read_order(asked.params), asked.now)
    return {}


def get_order(asked: Asked) -> Any:
    return ordering.order_shown(ordering.find(asked, -2013))


def cancel_order(asked: Asked) -> Any:
    name = asked.params.client_id("newClientOrderId")
    order = ordering.find(asked, -2011)
    if not order.is_open:
        raise said(-2011)
    return ordering.cancel_reply(
        asked.exchange.engine.cancel(asked.account, order, asked.now), name
    )


def open_orders(asked: Asked) -> Any:
    found = [order for order in asked.account.orders(asked.as_of) if order.is_open]
    return [ordering.order_shown(order) for order in _of_symbol(asked, found)]


def cancel_open_orders(asked: Asked) -> Any:
    symbol = asked.market().symbol
    found = [order for order in asked.account.open_orders() if order.symbol == symbol]
    if not found:
        raise said(-2011)
    engine = asked.exchange.engine
    return [
        ordering.cancel_reply(engine.cancel(asked.account, order, asked.now), None)
        for order in found
    ]


def all_orders(asked: Asked) -> Any:
    params, symbol = asked.params, asked.market().symbol
    found = [order for order in asked.account.orders(asked.as_of) if order.symbol == symbol]
    first, after, until = (params.whole(n) for n in ("orderId", "startTime", "endTime"))
    limit = params.limit(500, 1000)
    _check_span(after, until)
    found = [o for o in found if (after or 0) <= o.at and (until is None or o.at <= until)]
    if first is not None:
        found = [order for order in found if order.order_id >= first]
    forward = first is not None or after is not None
    found = found[:limit] if forward else found[-limit:]
    return [ordering.order_shown(order) for order in found]


# Which of these may be sent together; any other combination is refused.
COMBINATIONS = (
    set[str](),
    {"orderId"},
    {"startTime"},
    {"endTime"},
    {"fromId"},
    {"startTime", "endTime"},
    {"orderId", "fromId"},
)


def my_trades(asked: Asked) -> Any:
    params, symbol = asked.params, asked.market().symbol
    sent = {n: params.whole(n) for n in ("orderId", "startTime", "endTime", "fromId")}
    given = {name for name, value in sent.items() if value is not None}
    if given not in COMBINATIONS:
        raise Refusal(-1128, "Combination of optional parameters invalid.")
    after, until = sent["startTime"], sent["endTime"]
    _check_span(after, until)
    limit = params.limit(500, 1000)

    def wanted(fill: Fill) -> bool:
        return (
            fill.symbol == symbol
            and (asked.as_of is None or fill.at <= asked.as_of)
            and (sent["orderId"] is None or fill.order_id == sent["orderId"])
            and (after or 0) <= fill.at
            and (until is None or fill.at <= until)
            and (sent["fromId"] or 0) <= fill.trade_id
        )

    found = sorted(filter(wanted, asked.account.fills), key=lambda fill: fill.trade_id)
    found = found[:limit] if given & {"startTime", "fromId"} else found[-limit:]
    return [ordering.trade_shown(fill) for fill in found]


def account(asked: Asked) -> Any:
    mine, key = asked.account, asked.key
    assert key is not None
    without_zeros = asked.params.optional("omitZeroBalances") == "true"
    return {
        "makerCommission": int(mine.fees.maker * 10_000),
        "takerCommission": int(mine.fees.taker * 10_000),
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": {**_rates(mine), "buyer": "0.00000000", "seller": "0.00000000"},
        "canTrade": key.may_trade,
        "canWithdraw": key.may_withdraw,
        "canDeposit": True,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": mine.updated,
        "accountType": "SPOT",
        "balances": [
            {"asset": asset, "free": text(balance.free), "locked": text(balance.locked)}
            for asset, balance in sorted(mine.balances.items())
            if balance.total or not without_zeros
        ],
        "permissions": ["SPOT"],
        "uid": mine.uid,
    }


def commission(asked: Asked) -> Any:
    mine, nothing = asked.account, text(asked.account.fees.maker * 0)
    none = {"maker": nothing, "taker": nothing, "buyer": nothing, "seller": nothing}
    return {
        "symbol": asked.market().symbol.id,
        "standardCommission": {**none, **_rates(mine)},
        "specialCommission": none,
        "taxCommission": none,
        "discount": {
            "enabledForAccount": mine.fees.taken_from == "third",
            "enabledForSymbol": True,
            "discountAsset": mine.fees.third_asset,
            "discount": text(mine.fees.third_discount),
        },
    }


def trade_fee(asked: Asked) -> Any:
    mine, wanted = asked.account, asked.params.optional("symbol")
    rates = {"makerCommission": f"{mine.fees.maker:f}", "takerCommission": f"{mine.fees.taker:f}"}
    return [{"symbol": name} | rates for name in asked.symbols if wanted in {None, name}]


def restrictions(asked: Asked) -> Any:
    key = asked.key
    assert key is not None
    return {
        "ipRestrict": key.ip_restricted,
        "createTime": 1_700_000_000_000,
        "enableReading": True,
        "enableSpotAndMarginTrading": key.may_trade,
        "enableWithdrawals": key.may_withdraw,
        "enableInternalTransfer": False,
        "enableMargin": False,
        "enableFutures": False,
        "permitsUniversalTransfer": False,
        "enableVanillaOptions": False,
        "enablePortfolioMarginTrading": False,
        "enableFixApiTrade": False,
        "enableFixReadOnly": False,
    }


def no_margin(_: Asked) -> Any:
    return []


def currencies(asked: Asked) -> Any:
    assets = {asset for s in asked.symbols.values() for asset in (s.base, s.quote)}
    return [_currency(asked, asset) for asset in sorted(assets)]


def _currency(asked: Asked, asset: str) -> dict[str, Any]:
    balance = asked.account.balance(asset)
    zero = text(balance.free * 0)
    return {
        "coin": asset,
        "name": asset,
        "depositAllEnable": True,
        "withdrawAllEnable": True,
        "free": text(balance.free),
        "locked": text(balance.locked),
        "freeze": zero,
        "withdrawing": zero,
        "ipoing": zero,
        "ipoable": zero,
        "storage": zero,
        "isLegalMoney": False,
        "trading": True,
        "networkList": [],
    }


def _rates(mine: Account) -> dict[str, str]:
    return {"maker": text(mine.fees.maker), "taker": text(mine.fees.taker)}


def _of_symbol(asked: Asked, orders: list[Order]) -> list[Order]:
    if asked.params.optional("symbol") is None:
        return orders
    symbol = asked.market().symbol
    return [order for order in orders if order.symbol == symbol]


def _check_span(after: int | None, until: int | None) -> None:
    if after is not None and until is not None and until - after > DAY:
        raise Refusal(-1127, "More than 24 hours between startTime and endTime.")
