"""A whole system of actors in one thread and in virtual time: one seed, one course of events."""

from __future__ import annotations

import decimal
import random
import signal
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from queue import Empty, SimpleQueue
from types import FrameType
from typing import Final

from genesis_actors.runtime.clock import VirtualClock
from genesis_actors.runtime.dispatcher import ACTOR_DECIMAL_CONTEXT, Dispatcher, DispatcherKind
from genesis_actors.runtime.system import Runtime
from genesis_actors.runtime.turns import SeededTurns

POLL_SECONDS: Final = 0.005


class DeterministicRuntime(Runtime):
    """Runs actors in the thread that calls `run_until`, in the order that the seed chooses.

    At each instant every message is handled, then every idle hook runs, until neither leaves
    anything to do; only then does the clock go on to the next timer. Timers of one instant and
    phase are released together, phases one after the other. With `speed` the thread sleeps between
    timers: 1 is real time, 60 a minute each second, and None never sleeps. What other threads send
    arrives at the virtual time that has passed by then; only they make a run differ from another
    one with its seed.

    Ctrl-C is taken between two messages: `run_until` raises KeyboardInterrupt, nothing is lost, and
    the caller may send more messages and run on.
    """

    is_deterministic = True

    def __init__(
        self, *, seed: int, start: datetime, speed: Decimal | None = None, trace: bool = False
    ) -> None:
        if speed is not None and not speed > 0:
            msg = f"speed must be positive, not {speed}"
            raise ValueError(msg)
        # Two streams, so that one message more or less does not change what actors draw.
        self.random = random.Random(seed)
        self._clock = VirtualClock(start)
        self.on_instant: Callable[[datetime], None] | None = None
        """Called when an instant is over, for a live view. It must not send anything."""
        self._speed = None if speed is None else float(speed)
        self._turns = SeededTurns(
            f"turns:{seed}", self.clock, pump=self._pump, wake=self._wake, trace=trace
        )
        self._driver = threading.RLock()
        self._depth = 0
        self._is_sleeping = False
        # SimpleQueue may be put to in a signal handler; an Event could deadlock there.
        self._wakeups: SimpleQueue[None] = SimpleQueue()
        self._pace_began = (0.0, self.clock.now())

    @property
    def clock(self) -> VirtualClock:
        return self._clock

    @property
    def is_free(self) -> bool:
        """Whether virtual time passes without any real time."""
        return self._speed is None

    @property
    def trace_hash(self) -> str:
        """A hash over (virtual time, actor name, message type) of every message handled so far."""
        return self._turns.trace_hash

    @property
    def messages_handled(self) -> int:
        return self._turns.handled

    def dispatcher_for(self, kind: DispatcherKind, *, name: str = "") -> Dispatcher:
        del kind, name  # one thread for all
        return self._turns

    def owns(self, dispatcher: Dispatcher | None) -> bool:
        return dispatcher is self._turns

    def start(self) -> None:
        """Nothing to start: actors run while somebody calls `run_until`."""

    def stop(self) -> None:
        self.stop_actors()
        self._turns.close()

    def run_until(self, done: Callable[[], bool], *, deadline: datetime | None = None) -> bool:
        """Run until `done()`, which is asked after every message and every round of idle hooks.

        Returns False when nothing is left to do, or when the clock has come to the deadline with
        everything due by then done. Idle hooks of the last instant may be outstanding at True;
        `run_until_quiet` completes it.
        """
        with self._driving():
            return done() or self._run(done, deadline)

    def run_until_quiet(self) -> None:
        """Complete the present instant: all messages, idle hooks and timers of now.

        The clock stands still.
        """
        with self._driving():
            self._complete_instant(_never)

    def advance_to(self, when: datetime) -> None:
        """Run everything up to and including that time. The clock shows it at the end."""
        self.run_until(_never, deadline=when)
        self.clock.move_to(when)

    def interrupt(self) -> None:
        """Make `run_until` raise KeyboardInterrupt before its next message, also out of its sleep.

        May be called from any thread and from a signal handler.
        """
        self._turns.interrupted = True
        self._wakeups.put(None)

    def wait(self, event: threading.Event, timeout: float | None) -> bool:
        return self._pump(event.is_set, timeout)

    def _pump(self, done: Callable[[], bool], timeout: float | None) -> bool:
        deadline = None if timeout is None else self.clock.now() + timedelta(seconds=timeout)
        while not self._driver.acquire(blocking=False):
            # Another thread drives the actors already; they come to our message without us.
            if done():
                return True
            if deadline is not None and self.clock.now() > deadline:
                return False
            time.sleep(POLL_SECONDS)
        try:
            return self.run_until(done, deadline=deadline)
        finally:
            self._driver.release()

    def _run(self, done: Callable[[], bool], deadline: datetime | None) -> bool:
        if self._depth > 1:
            # An actor waits inside a message, so no instant can be completed and time stands still.
            return self._turns.run_messages(done)
        turns, clock = self._turns, self._clock
        while not turns.run(done):
            due = clock.next_due()
            if due is not None and due <= clock.now():
                clock.release_next()
                continue
            if self.on_instant is not None:
                self.on_instant(clock.now())
            if due is None:
                return False
            if deadline is not None and due > deadline:
                if self._let_time_pass(deadline):
                    return False
            elif self._let_time_pass(due):
                clock.release_next()
        return True

    def _complete_instant(self, done: Callable[[], bool]) -> bool:
        while not self._turns.run(done):
            due = self.clock.next_due()
            if due is None or due > self.clock.now():
                return False
            self.clock.release_next()
        return True

    def _let_time_pass(self, until: datetime) -> bool:
        """Move the clock to `until`, with the pauses that the speed asks for.

        False: a message came in meanwhile.
        """
        if self._speed is None:
            self._turns.raise_if_interrupted()
            self.clock.move_to(until)
            return True
        real_start, virtual_start = self._pace_began
        real_until = real_start + (until - virtual_start).total_seconds() / self._speed
        while (pause := real_until - time.monotonic()) > 0:
            self._sleep(pause)
            self._turns.raise_if_interrupted()
            if self._turns.has_ready:
                passed = timedelta(seconds=(time.monotonic() - real_start) * self._speed)
                self.clock.move_to(min(virtual_start + passed, until))
                return False
        self._turns.raise_if_interrupted()
        self.clock.move_to(until)
        return True

    def _sleep(self, seconds: float) -> None:
        self._is_sleeping = True
        try:
            # Looked at after the flag is up: a message that came in before has not woken us.
            if not self._turns.has_ready and not self._turns.interrupted:
                self._wakeups.get(timeout=seconds)
        except Empty:
            pass
        finally:
            self._is_sleeping = False

    def _wake(self) -> None:
        if self._is_sleeping:
            self._wakeups.put(None)

    @contextmanager
    def _driving(self) -> Generator[None]:
        with self._driver, decimal.localcontext(ACTOR_DECIMAL_CONTEXT):
            self._depth += 1
            try:
                if self._depth > 1:
                    yield
                    return
                self._pace_began = (time.monotonic(), self.clock.now())
                with self._orderly_ctrl_c():
                    yield
            finally:
                self._depth -= 1

    @contextmanager
    def _orderly_ctrl_c(self) -> Generator[None]:
        """Take Ctrl-C between messages where it would otherwise break off in the middle of one."""
        is_main = threading.current_thread() is threading.main_thread()
        if not is_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
            yield
            return

        def on_ctrl_c(_number: int, _frame: FrameType | None) -> None:
            if self._turns.interrupted:  # the second one: the message in hand takes too long
                self._turns.raise_if_interrupted()
            self.interrupt()

        signal.signal(signal.SIGINT, on_ctrl_c)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def _never() -> bool:
    return False
