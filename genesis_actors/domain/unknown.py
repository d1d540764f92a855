"""Children without an outcome that can be trusted: asking again, what proves their end, and the operator's word.

They stay reserved, and their execution decides nothing new, until one of these has settled them.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from genesis_actors.domain.children import (
    AT_ONCE,
    after_child,
    close_child,
    look_up,
    mark_unknown,
)
from genesis_actors.domain.decision import Decision, Refusal, Steps
from genesis_actors.domain.execution import Child, Execution
from genesis_actors.domain.pausing import lift_pause, pause
from genesis_actors.domain.proof import NOT_FOUND_TWICE_APART, ProofRules
from genesis_actors.domain.waking import answer_due, unknown_since
from genesis_actors.messages.events import ChildNotFound, ChildSettled
from genesis_actors.messages.supervisor import SettleChild
from genesis_actors.messages.venue import OrderNotFound, SettleOrder
from genesis_actors.values import (
    ExecutionState,
    OrderStatus,
    Reason,
    decimal_text,
    is_multiple,
)


def ask_again(steps: Steps, proof: ProofRules) -> None:
    """Ask about every UNKNOWN child, and about those whose answer is overdue; pause when that goes on for too long."""
    for child in steps.execution.open_children:
        if child.status is OrderStatus.UNKNOWN:
            steps.ask(look_up(steps.execution, child))
        elif child.status is not OrderStatus.PENDING and (
            answer_due(steps.execution, child, proof) <= steps.now
        ):
            mark_unknown(steps, child, "no answer came in time")
    if steps.execution.state is not ExecutionState.RUNNING:
        return
    for child in steps.execution.unknown_children:
        if proof.patience_ends(unknown_since(child)) <= steps.now:
            pause(steps, Reason.UNSETTLED_CHILD, f"what became of {child.client_order_id}?")
            return


def on_not_found(steps: Steps, child: Child, message: OrderNotFound, proof: ProofRules) -> None:
    """Take an answer for what it proves: nothing, before the last moment at which the order could still arrive."""
    if not child.status.is_open:
        return
    if message.is_proof:
        _close_by_proof(steps, child)
    elif child.status in {OrderStatus.SENT, OrderStatus.PARTIAL}:
        # Nobody asks about an order that has answered: a cancel did not find it, or an old answer comes late. One that
        # has not answered may be on its way yet: the proof deadline counts from the end of its request.
        if child.heard_at is not None and message.asked_at > child.heard_at:
            mark_unknown(steps, child, "the venue did not find it")
    elif child.status is OrderStatus.UNKNOWN and not child.is_known_at_venue:
        _weigh(steps, child, message.asked_at, proof.deadline(unknown_since(child)))


def _weigh(steps: Steps, child: Child, asked_at: datetime, deadline: datetime | None) -> None:
    if deadline is None or asked_at < deadline:
        return
    if child.not_found_at is None:
        steps.add(
            ChildNotFound(
                execution_id=steps.execution.execution_id,
                at=steps.now,
                client_order_id=child.client_order_id,
                asked_at=asked_at,
            )
        )
    elif asked_at >= child.not_found_at + NOT_FOUND_TWICE_APART:
        _close_by_proof(steps, child)


def _close_by_proof(steps: Steps, child: Child) -> None:
    steps.ask(_settlement(steps.execution, child, child.filled_quantity))
    # A venue that had it and has it no more is not asked for the same again at once.
    wait = None if child.is_known_at_venue else AT_ONCE
    close_child(steps, child, OrderStatus.NEVER_ACCEPTED, None, wait=wait)


def settlements(x: Execution) -> tuple[SettleOrder, ...]:
    """Return what risk and gate are told of the children whose end nobody but `x` knows of: proven, or said."""
    return tuple(
        _settlement(x, child, child.filled_quantity)
        for child in x.children.values()
        if was_thought_gone(child)
    )


def was_thought_gone(child: Child) -> bool:
    """Tell whether a child was closed by proof, or by the operator's word, and not by the venue's own."""
    return child.status is OrderStatus.NEVER_ACCEPTED or child.reason is Reason.SETTLED


def _settlement(x: Execution, child: Child, filled_quantity: Decimal) -> SettleOrder:
    return SettleOrder(
        execution_id=x.execution_id,
        client_order_id=child.client_order_id,
        symbol=x.order.symbol,
        filled_quantity=filled_quantity,
    )


def on_settle(x: Execution, command: SettleChild, now: datetime) -> Decision:
    """Take the operator's word for what became of an UNKNOWN child."""
    child, filled = x.children.get(command.client_order_id), command.filled_quantity
    if child is None:
        message = f"execution {x.execution_id} has no child order {command.client_order_id}"
        return Decision(x, refusal=Refusal(Reason.UNKNOWN_ID, message))
    if child.reason is Reason.SETTLED and child.filled_quantity == filled:
        return Decision(x, was_already=True)
    refusal = _why_not(x, child, filled)
    if refusal is not None:
        return Decision(x, refusal=refusal)
    steps = Steps(x, now)
    steps.add(
        ChildSettled(
            execution_id=x.execution_id,
            at=now,
            client_order_id=child.client_order_id,
            filled_quantity=filled,
            retry_at=now,
        )
    )
    steps.ask(_settlement(x, child, filled))
    after_child(steps, child)
    lift_pause(steps)
    return steps.decision()


def _why_not(x: Execution, child: Child, filled: Decimal) -> Refusal | None:
    name, heard = child.client_order_id, child.filled_quantity
    if child.status is not OrderStatus.UNKNOWN:
        return Refusal(Reason.WRONG_STATE, f"{name} is {child.status}: its outcome is not in doubt")
    if filled < heard:
        return Refusal(
            Reason.QUANTITY_BELOW_MINIMUM, f"{decimal_text(heard)} of {name} are filled already"
        )
    most = min(child.quantity, heard + x.quantity - x.filled_quantity)
    if filled > max(most, heard):
        return Refusal(
            Reason.QUANTITY_ABOVE_MAXIMUM,
            f"{name} cannot have filled more than {decimal_text(most)}",
        )
    if filled != heard and not is_multiple(filled, x.rules.lot):
        return Refusal(
            Reason.QUANTITY_NOT_A_LOT,
            f"{decimal_text(filled)} is not a multiple of the lot {decimal_text(x.rules.lot)}",
        )
    return None
