"""What an order would do if the daemon were given it now: judged and planned as a start is, and nothing is sent."""

from __future__ import annotations

import random
from datetime import datetime

from genesis_actors.domain.admission import Market, Rejection, admit
from genesis_actors.domain.plan import make_plan
from genesis_actors.domain.policy import TwapDefaults
from genesis_actors.domain.volume_profile import VolumeProfile
from genesis_actors.engine import OrderRejectedError
from genesis_actors.messages.supervisor import OrderRejected
from genesis_actors.messages.venue import SymbolDescribed
from genesis_actors.values import ParentOrder, Quote, decimal_text
from genesis_actors.views import View, plan_view


def planned(
    order: ParentOrder,
    described: SymbolDescribed,
    quote: Quote | None,
    defaults: TwapDefaults,
    now: datetime,
) -> View:
    """Return the plan with its seed: the same order with that seed is worked by it. Raises OrderRejectedError.

    Costs are None where the venue has no book at hand that holds the slices.
    """
    profile = VolumeProfile.from_bars(described.volumes) if described.volumes else None
    market = Market(
        rules=described.rules,
        known_symbols=described.known_symbols,
        balances={balance.currency: balance.free for balance in described.balances},
        quote=quote,
        profile=profile,
    )
    seed = random.getrandbits(32) if order.seed is None else order.seed
    admission = admit(order, market, defaults, now=now, seed=seed)
    if isinstance(admission, Rejection):
        raise OrderRejectedError(
            OrderRejected(reason=admission.reason, message=admission.message, hint=admission.hint)
        )
    levels = [(each.price, each.quantity) for each in described.book if each.side is order.side]
    plan = make_plan(admission, profile=profile, levels=levels)
    return {
        **plan_view(plan),
        "seed": seed,
        "market_price": None if quote is None else decimal_text(quote.mid),
        "max_participation": decimal_text(admission.policy.max_participation),
    }
