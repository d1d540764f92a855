"""Plans an order as a run would at the same instant, and shows the plan."""

from __future__ import annotations

from decimal import Decimal

import click

from genesis_actors.cli import text
from genesis_actors.cli.options import Asked
from genesis_actors.cli.output import Output
from genesis_actors.cli.session import Session
from genesis_actors.domain.admission import Market, Rejection, admit
from genesis_actors.domain.plan import Plan, make_plan
from genesis_actors.domain.volume_profile import VolumeProfile
from genesis_actors.engine import OrderRejectedError
from genesis_actors.messages.supervisor import OrderRejected
from genesis_actors.opening import DEFAULT_SEED
from genesis_actors.orders import TwapOrder
from genesis_actors.values import Algo
from genesis_actors.views import plan_view, planned_slice_view


def show_plan(asked: Asked) -> None:
    """Print the plan. Raises OrderRejectedError where the order would be refused."""
    session = Session.of(asked, is_plan=True)
    try:
        plan = plan_of(session)
    finally:
        session.close()
    pace = session.pace_warnings(len(plan.slices))
    warnings = [*session.venue_warnings, *pace, *plan.warnings]
    for warning in warnings:
        click.echo(f"warning: {warning}", err=True)
    Output(asked.output, session.settings.engine.mode).write_item(
        {**plan_view(plan), "warnings": warnings},
        lambda: plan_text(session.order, plan),
        [planned_slice_view(part) for part in plan.slices],
    )


def plan_of(session: Session) -> Plan:
    """Admit the order on what the venue shows at the start, and plan it."""
    start, look = session.start, session.look()
    profile = VolumeProfile.from_bars(look.volumes) if look.rules and look.volumes else None
    seed = session.settings.engine.seed
    admission = admit(
        session.order.parent_order(),
        Market(
            rules=look.rules,
            known_symbols=look.known_symbols,
            balances=look.balances,
            quote=look.quote,
            profile=profile,
        ),
        session.settings.twap_defaults(),
        now=start,
        seed=DEFAULT_SEED if seed is None else seed,
    )
    if isinstance(admission, Rejection):
        raise OrderRejectedError(
            OrderRejected(reason=admission.reason, message=admission.message, hint=admission.hint)
        )
    return make_plan(
        admission,
        profile=profile,
        levels=look.levels.get(session.order.side, ()),
        market_ends_at=session.market_ends_at,
    )


def plan_text(order: TwapOrder, plan: Plan) -> str:
    names = text.parts(plan.algo)
    lines = [
        ("order", f"{order.side} {text.quantity(plan.quantity)} {order.symbol}, {plan.algo}"),
        _window(plan),
        (names, str(len(plan.slices))),
    ]
    if plan.algo is not Algo.MARKET:
        each = f"taken {names[:-1]} by {names[:-1]}"
        lines.append(("estimated cost", _cost(plan.estimated_cost_bps, each)))
    lines.append(("cost of a sweep", _cost(plan.sweep_cost_bps, "taken all at once")))
    if plan.collar_price is not None:
        worst = f"{text.price(plan.collar_price)}: what trades only beyond it is left"
        lines.append(("collar", worst))
    head = text.pairs(lines)
    slices = text.table(
        ("#", "due", "quantity", "worth", "volume expected", "share"),
        [
            (
                str(part.number),
                text.clock(part.due_at),
                text.quantity(part.quantity),
                text.money(part.notional_quote),
                text.price(part.expected_market_volume),
                text.percent(part.expected_participation),
            )
            for part in plan.slices
        ],
    )
    return f"{head}\n\n{slices}"


def _window(plan: Plan) -> tuple[str, str]:
    if plan.algo is Algo.MARKET:
        return "time", f"{text.moment(plan.start)} UTC, at once"
    if plan.algo is Algo.ICEBERG:
        return (
            "time",
            f"from {text.moment(plan.start)}, {text.clock(plan.end)} UTC at the latest",
        )
    return "window", f"{text.moment(plan.start)} to {text.clock(plan.end)} UTC"


def _cost(cost_bps: Decimal | None, how: str) -> str:
    if cost_bps is None:
        return f"unknown: the shown book does not hold it, {how}"
    return f"{text.bps(cost_bps)} bps against the mid, {how}, with fees"
