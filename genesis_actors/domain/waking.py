"""When an execution wants to be looked at next.

It follows from the state, the time and the rules alone, so that an execution which is rebuilt from its journal needs
nothing else.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from genesis_actors.domain.decision import SetTrigger
from genesis_actors.domain.execution import Child, Execution
from genesis_actors.domain.proof import NOT_FOUND_TWICE_APART, ProofRules
from genesis_actors.domain.surroundings import Surroundings
from genesis_actors.values import Algo, ExecutionState, OrderStatus, Style

_FIRST_QUESTIONS = (
    NOT_FOUND_TWICE_APART,
    *(timedelta(seconds=after) for after in (3, 7, 15)),
)
_LONGEST_PAUSE = timedelta(seconds=10)


def next_wake(execution: Execution, now: datetime, surroundings: Surroundings) -> datetime | None:
    """Return when this execution wants to be looked at next; a time in the past means at once."""
    x, proof = execution, surroundings.proof
    if x.state is ExecutionState.FINISHING and not x.open_children:
        # Its own times may lie ahead, where the clock was wrong.
        return min(x.created_at, now)
    if x.state is ExecutionState.QUEUED:
        return x.queue_expires_at
    wakes = running_wakes(x, surroundings) if x.state is ExecutionState.RUNNING else []
    for child in x.open_children:
        if child.status is OrderStatus.UNKNOWN:
            wakes.append(next_question(child, now, proof))
            if x.state is ExecutionState.RUNNING:
                wakes.append(proof.patience_ends(unknown_since(child)))
        elif child.status is not OrderStatus.PENDING:
            wakes.append(answer_due(x, child, proof))
    return min(wakes, default=None)


def running_wakes(x: Execution, surroundings: Surroundings) -> list[datetime]:
    """Return when a running execution has something to do besides asking about its UNKNOWN children."""
    if x.open_children:
        return [working_until(x, c) for c in x.open_children if c.status is not OrderStatus.UNKNOWN]
    wakes = [x.ends_at] if x.ends_at is not None else []
    retry_at = tries_again_at(x, surroundings)
    if x.algo is not Algo.TWAP and (x.working_slice is not None or retry_at is not None):
        # One after the other: nothing else is due before.
        return wakes if retry_at is None else [*wakes, retry_at]
    # A slice that is delayed waits for that, not for its due time, which has passed.
    unsent = next((s for s in x.unsent_slices if retry_at is None or s.reason is None), None)
    if unsent is not None:
        wakes.append(unsent.due_at)
    if retry_at is not None:
        wakes.append(retry_at)
    return wakes


def waits_for_time_alone(x: Execution, trigger: SetTrigger | None) -> bool:
    """Tell whether a look at the market now could cause nothing but what is done at `next_wake` in any case.

    `trigger` is the one that is set and has not fired, as far as is known. What is brought forward, a clip and a sweep
    wait for no time, a guard acts at every look, and the first quote is the arrival price where there was none. A
    favourable price is waited for only where its crossing will be told: what was told while a child was open has come
    to nothing.
    """
    if (
        x.state is not ExecutionState.RUNNING
        or x.algo is not Algo.TWAP
        or x.accelerated
        or x.arrival_price is None
        or x.policy.max_slippage_bps is not None
    ):
        return False
    return not x.policy.early_completion_threshold or (trigger is not None and not trigger.worse)


def tries_again_at(x: Execution, surroundings: Surroundings) -> datetime | None:
    """Return when what is held back is tried again, None where nothing is."""
    tried = surroundings.tried_in_vain
    if x.retry_at is None or tried is None or tried.version != x.version:
        return x.retry_at
    return tried.retry_at


def working_until(x: Execution, child: Child) -> datetime:
    """Return when a child of a running execution is taken back: at the end, a resting one also before it.

    That is after the retry interval, at the latest when a slice falls due; with the style `auto` also when the time to
    rest is over.
    """
    ends = [x.ends_at] if x.ends_at is not None else []
    if child.resting:
        ends.append(child.created_at + x.rest_interval)
        if x.policy.clipping is None:
            ends += (part.due_at for part in x.unsent_slices[:1])
        part = x.slice(child.slice_number)
        if x.policy.style is Style.AUTO:
            ends.append(x.takes_at(part, part.sent_at or child.created_at))
    return min(ends)


def answer_due(x: Execution, child: Child, proof: ProofRules) -> datetime:
    """Return when a child at the venue should have ended: a resting one is waited for only once it is taken back."""
    since = child.heard_at or child.created_at
    if child.resting:
        match x.state:
            case ExecutionState.RUNNING:
                taken_back_at = working_until(x, child)
            case ExecutionState.PAUSED:
                taken_back_at = x.paused_at
            case _:
                taken_back_at = x.finishing_at
        since = max(since, taken_back_at or since)
    return since + proof.answer_timeout


def unknown_since(child: Child) -> datetime:
    return child.unknown_since or child.created_at


def next_question(child: Child, now: datetime, proof: ProofRules) -> datetime:
    """Return when an UNKNOWN child is asked about after `now`: with growing pauses, and anew where answers count.

    That is at the proof deadline, and once it has not been found: any answer may fail to come, and the next one should
    not be waited for as if nothing had changed.
    """
    since, deadline = unknown_since(child), proof.deadline(unknown_since(child))
    begins = [since, *(at for at in (deadline, child.not_found_at) if at is not None and at <= now)]
    question = _question_after(max(begins), now)
    return question if deadline is None or deadline <= now else min(question, deadline)


def _question_after(begin: datetime, now: datetime) -> datetime:
    passed = now - begin
    pause = next((after for after in _FIRST_QUESTIONS if after > passed), None)
    if pause is None:
        last = _FIRST_QUESTIONS[-1]
        pause = last + ((passed - last) // _LONGEST_PAUSE + 1) * _LONGEST_PAUSE
    return begin + pause
