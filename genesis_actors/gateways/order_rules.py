"""What a symbol's rules demand of an order: steps, bounds and a minimum value."""

from __future__ import annotations

from decimal import Decimal

from genesis_actors.messages.venue import PlaceOrder
from genesis_actors.values import MarketRules, decimal_text, is_multiple


def broken_rule(rules: MarketRules, order: PlaceOrder) -> str | None:
    """Return the rule that an order breaks, in words; None where it breaks none."""
    quantity, price = order.quantity, order.price
    notional = quantity * price
    if quantity <= 0 or not is_multiple(quantity, rules.lot):
        return _not_a_step("quantity", quantity, "lot", rules.lot)
    if price <= 0 or not is_multiple(price, rules.tick):
        return _not_a_step("price", price, "tick", rules.tick)
    if rules.min_quantity is not None and quantity < rules.min_quantity:
        return _out_of_bounds("quantity", quantity, "below the minimum", rules.min_quantity)
    if rules.max_quantity is not None and quantity > rules.max_quantity:
        return _out_of_bounds("quantity", quantity, "above the maximum", rules.max_quantity)
    if notional < rules.min_notional:
        return _out_of_bounds("notional", notional, "below the minimum", rules.min_notional)
    if rules.max_notional is not None and notional > rules.max_notional:
        return _out_of_bounds("notional", notional, "above the maximum", rules.max_notional)
    if rules.min_price is not None and price < rules.min_price:
        return _out_of_bounds("price", price, "below the minimum", rules.min_price)
    if rules.max_price is not None and price > rules.max_price:
        return _out_of_bounds("price", price, "above the maximum", rules.max_price)
    return None


def _not_a_step(name: str, value: Decimal, step_name: str, step: Decimal) -> str:
    return f"{name} {decimal_text(value)} is no multiple of the {step_name} {decimal_text(step)}"


def _out_of_bounds(name: str, value: Decimal, where: str, bound: Decimal) -> str:
    return f"{name} {decimal_text(value)} is {where} {decimal_text(bound)}"
