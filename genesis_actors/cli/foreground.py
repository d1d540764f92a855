"""Works one order from start to end, or from where an earlier run of it stopped, and shows what came of it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from types import FrameType

from genesis_actors.cli import logs
from genesis_actors.cli.errors import CliError, ExitCode
from genesis_actors.cli.execution_text import execution_text
from genesis_actors.cli.options import Asked
from genesis_actors.cli.output import Output
from genesis_actors.cli.progress import LiveView, PlainLines, attach, choose_view, market_tap
from genesis_actors.cli.session import Session
from genesis_actors.cli.signals import interrupt_from_here
from genesis_actors.domain.market_recorder import OBSERVED_AFTER
from genesis_actors.domain.plan import fewer_slices, foreseeable_warnings
from genesis_actors.domain.policy import resolve
from genesis_actors.engine import CommandRefusedError, Engine, TwapHandle
from genesis_actors.logs import get_logger
from genesis_actors.messages.control import ExecutionStatus
from genesis_actors.messages.persistence import ExecutionRow
from genesis_actors.offline import halt_state
from genesis_actors.runtime.simulation import DeterministicRuntime
from genesis_actors.storage.database import Database
from genesis_actors.storage.errors import StorageError
from genesis_actors.storage.queries import status_of
from genesis_actors.values import ExecutionState, Reason, decimal_text, time_text
from genesis_actors.views import status_view

log = get_logger()


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended: all that is known of the execution, when, and whether it was interrupted."""

    status: ExecutionStatus
    at: datetime
    warnings: tuple[str, ...]
    is_interrupted: bool = False

    @property
    def state(self) -> ExecutionState:
        return ExecutionState(self.status.execution.state)

    @property
    def is_stuck(self) -> bool:
        """Tell whether an order has no outcome, though nothing more can happen by itself."""
        row = self.status.execution
        return not self.state.is_final and bool(row.working_quantity + row.unknown_quantity)

    @property
    def exit_code(self) -> ExitCode:
        if self.state is ExecutionState.COMPLETED:
            return ExitCode.OK
        if self.is_interrupted and not self.state.is_final:
            return ExitCode.INTERRUPTED
        return ExitCode.INCOMPLETE


def run_in_foreground(asked: Asked) -> int:
    """Run, print the result, and return the exit code."""
    view = choose_view(is_quiet=asked.quiet)
    logs.configure(view.say, is_verbose=asked.verbose)
    session = Session.of(asked)
    try:
        for warning in session.venue_warnings:
            view.say(f"warning: {warning}")
        _check_halt(session)
        outcome = _run(session, view)
    finally:
        session.close()
    _check_stored(outcome.status, session.settings.storage.url)
    shown = {**status_view(outcome.status, outcome.at), "warnings": list(outcome.warnings)}
    row = {name: value for name, value in shown.items() if not isinstance(value, list)}
    Output(asked.output, session.settings.engine.mode).write_item(
        shown, lambda: execution_text(shown), [row]
    )
    for line in _hints(outcome, asked):
        view.say(line)
    return outcome.exit_code


def _check_halt(session: Session) -> None:
    """Refuse to work on a database whose executions are halted: nothing would be sent."""
    url = session.settings.storage.url
    halt = halt_state(url)
    if halt.halted_at is None:
        return
    why = f" ({halt.reason})" if halt.reason else ""
    raise CliError(
        "halted",
        f"{Database.of(url)} is halted since {time_text(halt.halted_at)}{why}",
        f"when it may go on: genesis unhalt --db {Database.of(url)}",
        ExitCode.HALTED,
    )


def _check_stored(status: ExecutionStatus, url: str) -> None:
    """Refuse to show a result that the database does not hold: the next run would begin from something else."""
    database, row = Database.of(url), status.execution
    if database.is_temporary:
        return
    try:
        found = status_of(database, row.execution_id).execution
    except StorageError as error:
        raise _not_stored(row, database, error.message) from error
    except (ValueError, ArithmeticError) as error:
        raise _not_stored(row, database, f"its row cannot be read ({error})") from error
    if found != row:
        why = f"there it is {found.state} with {decimal_text(found.filled_quantity)} filled"
        raise _not_stored(row, database, why)


def _not_stored(row: ExecutionRow, database: Database, why: str) -> CliError:
    return CliError(
        "result_not_stored",
        f"execution {row.execution_id} is {row.state} with {decimal_text(row.filled_quantity)} "
        f"filled, but {database} does not hold that: {why}",
        f"check the disk, then: genesis db check --db {database}",
    )


def _run(session: Session, view: LiveView | PlainLines) -> Outcome:
    client_id = session.order.client_id
    interrupt_from_here()
    with Engine.start(
        session.settings,
        virtual=session.virtual,
        venue=session.venue,
        recover=lambda order: client_id is not None and order.client_id == client_id,
        market_tap=market_tap(view),
    ) as engine:
        _check_halt(session)  # The start itself halts an older copy.
        attach(view, engine)
        handle = engine.submit(session.order)
        status = engine.status(handle.execution_id)
        warnings = _foreseen(session, status.execution)
        if not handle.is_new and ExecutionState(status.execution.state).is_final:
            # It was over before this run began, so the engine has not taken it up.
            now = engine.runtime.clock.now()
            return Outcome(status, now, (*session.venue_warnings, *warnings))
        if handle.is_new:
            warnings = (*session.pace_warnings(status.execution.slices_total), *warnings)
        for warning in warnings:
            view.say(f"warning: {warning}")
        policy = resolve(session.order.parent_order(), session.settings.twap_defaults(), 0)
        view.watch(status, policy.max_participation)
        try:
            return _work(engine, handle, (*session.venue_warnings, *warnings))
        finally:
            view.close(engine.runtime.clock.now())


def _work(engine: Engine, handle: TwapHandle, warnings: tuple[str, ...]) -> Outcome:
    is_interrupted = False
    with _orderly_termination(engine):
        try:
            if handle.status().execution.state == ExecutionState.PAUSED:
                handle.resume()
            engine.wait_until(handle.execution_id, _needs_nobody_here)
        except KeyboardInterrupt:
            is_interrupted = True
            _pause(handle)
        except TimeoutError:
            log.debug("nothing_left_to_wait_for", execution_id=handle.execution_id)
        outcome = Outcome(handle.status(), engine.runtime.clock.now(), warnings, is_interrupted)
        _look_back(engine, outcome)
    return outcome


def _look_back(engine: Engine, outcome: Outcome) -> None:
    """Where time costs nothing, let the market go on for as long as the report's mark-outs look."""
    runtime = engine.runtime
    if outcome.state.is_final and isinstance(runtime, DeterministicRuntime) and runtime.is_free:
        with suppress(KeyboardInterrupt):
            runtime.advance_to(outcome.at + OBSERVED_AFTER)


def _needs_nobody_here(row: ExecutionRow) -> bool:
    """Tell whether there is nothing more to wait for: it is over, or it waits for a person."""
    state = ExecutionState(row.state)
    # What is paused because the venue takes no orders goes on by itself.
    waits = state is ExecutionState.PAUSED and row.reason != Reason.VENUE_UNAVAILABLE
    return state.is_final or waits


def _pause(handle: TwapHandle) -> None:
    """Pause durably; whoever interrupts this as well leaves at once."""
    # Refused, it has come to its end meanwhile; in time or not, its status says what is still open.
    with suppress(CommandRefusedError, TimeoutError):
        handle.pause(reason=Reason.INTERRUPTED)


@contextmanager
def _orderly_termination(engine: Engine) -> Generator[None]:
    """Take SIGTERM as Ctrl-C is taken: between two messages."""
    runtime = engine.runtime
    if not (
        isinstance(runtime, DeterministicRuntime)
        and threading.current_thread() is threading.main_thread()
    ):
        yield
        return

    def on_terminate(_number: int, _frame: FrameType | None) -> None:
        runtime.interrupt()

    before = signal.signal(signal.SIGTERM, on_terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _foreseen(session: Session, row: ExecutionRow) -> tuple[str, ...]:
    if row.started_at is None or row.ends_at is None:
        return ()
    order = session.order.parent_order()
    policy = resolve(order, session.settings.twap_defaults(), row.seed)
    warnings = foreseeable_warnings(
        algo=order.algo,
        quantity=row.quantity,
        base=row.symbol.partition("/")[0],
        max_participation=policy.max_participation,
        start=row.started_at,
        end=row.ends_at,
        profile=session.profile(row.started_at),
        market_ends_at=session.market_ends_at,
    )
    fewer = fewer_slices(order, row.slices_total)
    return warnings if fewer is None else (*warnings, fewer)


def _hints(outcome: Outcome, asked: Asked) -> list[str]:
    row = outcome.status.execution
    again = (
        "resume it with the same command"
        if asked.client_id is not None
        else f"give --client-id next time; {row.execution_id} stays as it is"
    )
    if outcome.is_stuck:
        return [
            "warning: an order has no known outcome; its quantity stays reserved",
            f"hint: {again}: it asks the venue again",
        ]
    if outcome.state is not ExecutionState.PAUSED:
        return []
    if outcome.is_interrupted:
        return [f"interrupted: execution {row.execution_id} is paused durably", f"hint: {again}"]
    why = str(row.reason).replace("_", " ")
    return [
        f"paused: execution {row.execution_id} needs a decision ({why})",
        f"hint: if it shall go on, {again}",
    ]
