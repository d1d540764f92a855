"""Pausing and resuming, by the user or by a rule. A pause by a rule lifts only its own reason."""

from __future__ import annotations

from datetime import datetime

from genesis_actors.domain.children import AT_ONCE, cancels
from genesis_actors.domain.decision import AskMarket, Decision, Steps, WakeAt
from genesis_actors.domain.execution import Execution, Slice
from genesis_actors.domain.surroundings import Surroundings
from genesis_actors.messages.events import PlannedSlice, TwapPaused, TwapResumed
from genesis_actors.messages.venue import VenueAvailability
from genesis_actors.values import ExecutionState, MarketSummary, Reason, ResumeMode


def pause(
    steps: Steps,
    reason: Reason,
    detail: str | None = None,
    market: MarketSummary | None = None,
) -> None:
    """Send no more children, and take back what is at the venue.

    `market` is the newest that is known of the benchmark window: the figures of a paused execution are as of its end.
    A pause does not wait for a newer one; without any they stay those of the last child.
    """
    x = steps.execution
    steps.add(
        TwapPaused(
            execution_id=x.execution_id, at=steps.now, reason=reason, detail=detail, market=market
        )
    )
    steps.ask(*cancels(steps.execution))


def lifts_itself(x: Execution) -> bool:
    """Tell whether `x` is paused for a reason that ends by itself."""
    return x.state is ExecutionState.PAUSED and x.reason in {
        Reason.UNSETTLED_CHILD,
        Reason.VENUE_UNAVAILABLE,
    }


def lift_pause(steps: Steps) -> None:
    """Resume what was paused for its UNKNOWN children, once there are none any more."""
    x = steps.execution
    waits = x.state is ExecutionState.PAUSED and x.reason is Reason.UNSETTLED_CHILD
    if waits and not x.unknown_children:
        resume(steps, ResumeMode.CATCH_UP)


def on_availability(
    x: Execution, message: VenueAvailability, now: datetime, surroundings: Surroundings
) -> Decision:
    """Pause while the venue takes no orders; go on, with the end where it was, when it does again."""
    steps = Steps(x, now)
    if not message.is_available and x.state is ExecutionState.RUNNING:
        pause(steps, Reason.VENUE_UNAVAILABLE, message.detail, surroundings.market)
    elif message.is_available and (
        x.state is ExecutionState.PAUSED and x.reason is Reason.VENUE_UNAVAILABLE
    ):
        resume(steps, ResumeMode.CATCH_UP)
        steps.ask(look_again(steps.execution, now))
    return steps.decision()


def look_again(x: Execution, now: datetime) -> AskMarket | WakeAt:
    """Return how `x` looks at the market when nothing holds it any more.

    Many may be let go at once, so that it is woken to what it may begin. With something at the venue nothing begins,
    and a `Wake` would ask about its UNKNOWN children out of their turn.
    """
    return AskMarket() if x.open_children else WakeAt(now)


def resume(steps: Steps, mode: ResumeMode) -> None:
    steps.add(_resumption(steps.execution, mode, steps.now))


def _resumption(x: Execution, mode: ResumeMode, now: datetime) -> TwapResumed:
    paused_at, ends_at = x.paused_at or now, x.ends_at or now
    if x.amended_plan_at is not None:
        # What was planned anew during the pause knew of its first part.
        paused_at = max(paused_at, x.amended_plan_at)
    shift = now - paused_at if mode is ResumeMode.SHIFT else AT_ONCE
    return TwapResumed(
        execution_id=x.execution_id,
        at=now,
        mode=mode,
        ends_at=ends_at + shift,
        slices=tuple(_planned(part, part.due_at + shift) for part in x.unsent_slices),
    )


def _planned(part: Slice, due_at: datetime) -> PlannedSlice:
    return PlannedSlice(number=part.number, due_at=due_at, quantity=part.planned_quantity)
