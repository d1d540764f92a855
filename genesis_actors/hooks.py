"""Tells a program or a webhook of the operator's what happens to executions.

The journal is its buffer, as it is for readers of events: it reads behind the writer on a thread of its own, so that
nothing is dropped or out of order however slow the other side is, and nothing waits for it.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from difflib import get_close_matches
from typing import Final

from genesis_actors.logs import get_logger
from genesis_actors.messages.control import ExecutionNews
from genesis_actors.settings import OnEventSettings, SettingsError
from genesis_actors.storage import queries
from genesis_actors.storage.batch import EventRow
from genesis_actors.storage.database import Database
from genesis_actors.storage.errors import StorageError
from genesis_actors.storage.serialization import EVENT_TYPES

READ_AT_ONCE: Final = 100
LOOK_SECONDS: Final = 1.0
CLOSE_SECONDS: Final = 5.0
RETRY_SECONDS: Final = (1.0, 5.0)
"""How long a webhook is left alone before it is tried again; after that the event is given up."""
TOO_MANY_REQUESTS: Final = 429

_PASSED_ON: Final = ("HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "TMPDIR", "TZ", "USER")
"""What of our environment a program gets: no name that could hold a secret."""

log = get_logger()


class EventHook:
    """Hands each wanted event of the journal behind `after` to what the settings name, one after the other.

    A program gets it as one line of JSON on its standard input, and its type as GENESIS_EVENT; a webhook as the body
    of a POST. A program that fails is not called again for that event; a webhook that cannot be reached is tried
    three times.
    """

    def __init__(self, settings: OnEventSettings, database: Database, *, after: int) -> None:
        self._settings = settings
        self._program = program_of(settings)
        self._database = database
        self._place = after
        self._has_news = threading.Event()
        self._is_closing = threading.Event()
        self._must_leave = threading.Event()
        self._running: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._run, name="on_event", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def tell(self, message: ExecutionNews) -> None:
        """Hear that something is new; what it is, the journal says."""
        del message
        self._has_news.set()

    def leave(self) -> None:
        """Tell nothing more."""
        self._must_leave.set()
        self._is_closing.set()
        self._has_news.set()

    def close(self) -> None:
        """Tell what the journal still has, for `CLOSE_SECONDS` at most."""
        self._is_closing.set()
        self._has_news.set()
        self._thread.join(CLOSE_SECONDS)
        if self._thread.is_alive():
            self._must_leave.set()
            log.warning("on_event_left_behind", at=self._place)
            running = self._running
            if running is not None:
                _kill(running)
            self._thread.join(LOOK_SECONDS)

    def _run(self) -> None:
        while not self._must_leave.is_set():
            self._has_news.wait(LOOK_SECONDS)
            self._has_news.clear()
            is_last = self._is_closing.is_set()
            try:
                while self._read_on():
                    pass
            except StorageError as error:
                log.warning("on_event_cannot_read", at=self._place, error=error.message)
                self._must_leave.wait(LOOK_SECONDS)
            if is_last:
                return

    def _read_on(self) -> bool:
        """Tell what is new, and say whether there may be more."""
        rows = queries.events_after(self._database, self._place, READ_AT_ONCE)
        for row in rows:
            if self._must_leave.is_set():
                return False
            if row.event_type in self._settings.types:
                self._hand_over(row)
            self._place = row.sequence_number
        return len(rows) == READ_AT_ONCE

    def _hand_over(self, row: EventRow) -> None:
        line = row.line().encode()
        about = {"event_type": row.event_type, "execution_id": row.aggregate_id}
        if self._program:
            self._call(line, about)
        if self._settings.webhook is not None:
            self._post(self._settings.webhook.get_secret_value(), line, about)

    # --- A program -------------------------------------------------------------------------------

    def _call(self, line: bytes, about: Mapping[str, str]) -> None:
        environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        try:
            self._running = subprocess.Popen(  # noqa: S603 - an argument list, no shell
                self._program,
                stdin=subprocess.PIPE,
                # Not ours to keep: pipes that nobody reads would fill, or hold us up after its end.
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**environment, "GENESIS_EVENT": about["event_type"]},
                start_new_session=True,
            )
        except OSError as error:
            log.warning("on_event_failed", error=str(error), **about)
            return
        seconds = self._settings.timeout.total_seconds()
        try:
            self._running.communicate(line, timeout=seconds)
        except subprocess.TimeoutExpired:
            _kill(self._running)
            self._running.communicate()
            log.warning("on_event_failed", error=f"not done after {seconds:g} s: killed", **about)
            return
        if self._running.returncode:
            log.warning("on_event_failed", error=f"exit code {self._running.returncode}", **about)

    # --- A webhook -------------------------------------------------------------------------------

    def _post(self, address: str, line: bytes, about: Mapping[str, str]) -> None:
        request = urllib.request.Request(  # noqa: S310 - the settings admit http and https alone
            address, data=line, headers={"Content-Type": "application/json"}
        )
        for seconds in (*RETRY_SECONDS, None):
            error = self._try(request)
            if error is None:
                return
            is_final = seconds is None or (error.isdigit() and not _may_pass(int(error)))
            # At the end the other events are worth more than another try.
            if is_final or self._is_closing.wait(seconds):
                log.warning("on_event_failed", error=f"webhook: {error}", **about)
                return

    def _try(self, request: urllib.request.Request) -> str | None:
        """Return None where it was taken, a status, or what went wrong; never the address, which may be a secret."""
        seconds = self._settings.timeout.total_seconds()
        try:
            with urllib.request.urlopen(request, timeout=seconds):  # noqa: S310
                return None
        except urllib.error.HTTPError as error:
            error.close()
            return str(error.code)
        except (OSError, ValueError) as error:
            return type(error).__name__


def _may_pass(status: int) -> bool:
    return status >= 500 or status == TOO_MANY_REQUESTS  # noqa: PLR2004


def program_of(settings: OnEventSettings) -> tuple[str, ...]:
    """Return the program with its full path, () where there is none. Raises SettingsError for what cannot be used."""
    for name in sorted(settings.types - set(EVENT_TYPES)):
        nearest = get_close_matches(name, EVENT_TYPES, 1, 0)
        raise SettingsError(
            f"[on_event.types] there is no event {name}; did you mean {nearest[0]}?"
        )
    if not settings.program:
        return ()
    path = shutil.which(settings.program[0])
    if path is None:
        raise SettingsError(
            f"[on_event.program] {settings.program[0]} is no program that can be run"
        )
    return (path, *settings.program[1:])


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a program and all that it has started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
