"""The daemon as a process: in the foreground, or started in the background and waited for until it is ready."""

from __future__ import annotations

import logging
import os
import re
import select
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Final, Literal, TextIO, cast

import click
import structlog

from genesis_actors.cli.door import chosen_settings
from genesis_actors.cli.errors import CliError, ExitCode
from genesis_actors.cli.logs import bind_ids
from genesis_actors.control.client import Client, LostError, NoDaemonError, RefusedError
from genesis_actors.control.left import left_behind
from genesis_actors.control.protocol import StopMode
from genesis_actors.control.sockets import (
    PID_FILE,
    died_with,
    holder_of,
    lock_beside,
    private_directory,
)
from genesis_actors.settings import Settings
from genesis_actors.storage.database import Database
from genesis_actors.storage.errors import StorageError

READY_SECONDS: Final = 120.0
LOG_FILE: Final = "daemon.log"

_LOOK_SECONDS: Final = 0.1
_QUICKER_SECONDS: Final = 5.0
_APPENDING: Final = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC


def run_in_foreground(settings: Settings) -> ExitCode:
    """Run until it is asked to end; its log is on stderr."""
    from genesis_actors.control.daemon import Daemon

    configure_log(settings.engine.log)
    say = _say if settings.engine.log == "text" else _say_as_event
    ended_well = Daemon(settings, say).run()
    return ExitCode.OK if ended_well else ExitCode.FAILURE


def start_in_background(settings: Settings, options: Sequence[str]) -> bool:
    """Return when it is ready, whether it was there before. Raises CliError with what its log says.

    One that is starting already is waited for; one that is about to end is waited for, too, and then another started.
    """
    deadline = time.monotonic() + READY_SECONDS
    lock, pid_file = lock_beside(settings.socket), settings.engine.state_dir / PID_FILE
    while True:
        if holder_of(lock) is not None:
            if _serves(settings.socket, lock, deadline):
                return True
            continue
        try:
            _start(settings, options, deadline)
        except CliError:
            # Another one may have been quicker: it has the state directory first, and the door then.
            look_until = min(time.monotonic() + _QUICKER_SECONDS, deadline)
            while holder_of(lock) is None:
                if holder_of(pid_file) is None or time.monotonic() >= look_until:
                    raise
                time.sleep(_LOOK_SECONDS)
        else:
            return False


def _serves(socket_path: Path, lock: Path, deadline: float) -> bool:
    """Wait for the daemon that has the lock: whether it runs, or has ended meanwhile."""
    while (process := holder_of(lock)) is not None:
        with suppress(NoDaemonError, LostError, RefusedError):
            if Client(socket_path).get("daemon").data["state"] == "running":
                return True
        if time.monotonic() >= deadline:
            raise CliError(
                "timeout",
                f"a daemon (process {process}) was there already, and is not ready",
                f"see its log; to end it: kill {process}",
                ExitCode.TIMEOUT,
            )
        time.sleep(_LOOK_SECONDS)
    return False


def _start(settings: Settings, options: Sequence[str], deadline: float) -> None:
    state_dir = settings.engine.state_dir.absolute()
    private_directory(state_dir)
    command = [sys.executable, "-m", "genesis_actors", "daemon", "run", *options]
    command += ["--socket", str(settings.socket.absolute())]
    log_path = state_dir / LOG_FILE
    with (
        tempfile.TemporaryDirectory(prefix="genesis-") as directory,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready,
        os.fdopen(os.open(log_path, _APPENDING, 0o600), "ab") as log,
    ):
        ready.bind(f"{directory}/ready")
        begins_at = log.tell()
        process = _spawn(command, log, f"{directory}/ready", state_dir)
        while not _is_ready(ready):
            if process.poll() is not None:
                raise _failed(process.returncode, log_path, begins_at)
            if time.monotonic() >= deadline:
                raise CliError(
                    "timeout",
                    f"the daemon (process {process.pid}) is not ready after {READY_SECONDS:.0f} s",
                    f"see its log: {log_path}",
                    ExitCode.TIMEOUT,
                )
    # It lives on by itself: nobody here waits for its end.
    process.returncode = 0


def ended(
    socket_path: Path, answer: Mapping[str, Any], mode: str
) -> tuple[dict[str, Any], str, ExitCode]:
    """Return what has become of a daemon that was asked to end: for JSON, for people, and as an exit code.

    What it has left is read from its database, now that it is gone. Raises CliError where that cannot be.
    """
    named = answer["database"]
    try:
        left = left_behind(_readable(named), answer["were_open"])
    except StorageError as error:
        raise CliError(
            "outcome_not_readable",
            f"the daemon has ended, and what became of its executions cannot be read: {error.message}",
            "look yourself: genesis ps -a --db PATH-or-URL",
        ) from error
    has_died = died_with(lock_beside(socket_path), answer["pid"])
    is_as_asked = left.keeps(StopMode(mode)) and not has_died
    view = {
        **{name: value for name, value in answer.items() if name != "were_open"},
        "state": "died" if has_died else "stopped",
        "executions": left.states,
        "unsettled_executions": left.unsettled,
        "is_as_asked": is_as_asked,
    }
    told = str(left)
    if not is_as_asked:
        told += f"\nnot as it should be: look with genesis ps -a --db {named}"
    if has_died:
        return view, told, ExitCode.FAILURE
    return view, told, ExitCode.OK if is_as_asked else ExitCode.INCOMPLETE


def _readable(named: str) -> Path | str:
    """Return how the database that the daemon names can be opened: it does not tell the password of a server's."""
    if "://" not in named:
        return Path(named)
    url = Settings.load(chosen_settings()).storage.url
    return url if str(Database.of(url)) == named else named


def _spawn(
    command: Sequence[str], log: IO[bytes], ready: str, state_dir: Path
) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ,
        "NOTIFY_SOCKET": ready,
        "GENESIS_ENGINE__STATE_DIR": str(state_dir),
    }
    return subprocess.Popen(  # noqa: S603 - our own program
        command,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        env=environment,
        start_new_session=True,
    )


def _is_ready(ready: socket.socket) -> bool:
    found, _, _ = select.select([ready], [], [], _LOOK_SECONDS)
    return bool(found) and b"READY=1" in ready.recv(4096)


def _failed(code: int, log_path: Path, begins_at: int) -> CliError:
    """Return the error that the process has ended with, as its log has it."""
    with log_path.open("rb") as log:
        log.seek(begins_at)
        said = log.read().decode(errors="replace")
    errors = re.findall(r"^error: (.*)$", said, re.MULTILINE)
    hints = re.findall(r"^hint: (.*)$", said, re.MULTILINE)
    known = code in {each.value for each in ExitCode} and code != ExitCode.OK
    return CliError(
        "daemon_failed",
        f"the daemon has not started: {errors[-1] if errors else f'it ended with {code}'}",
        hints[-1] if hints else f"see its log: {log_path}",
        ExitCode(code) if known else ExitCode.FAILURE,
    )


class _Log:
    """Stderr, as long as it takes anything: a full disk costs lines of the log, and no actor."""

    def write(self, text: str) -> None:
        with suppress(OSError):
            sys.stderr.write(text)

    def flush(self) -> None:
        with suppress(OSError):
            sys.stderr.flush()


def _say(line: str) -> None:
    with suppress(OSError):
        click.echo(line, err=True)


def _say_as_event(line: str) -> None:
    structlog.get_logger().info("daemon", message=line)


def configure_log(form: Literal["text", "json"]) -> None:
    """Send the daemon's log to stderr, as readable lines or as one JSON object a line."""
    processors: list[structlog.typing.Processor] = [
        bind_ids,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if form == "json":
        processors += [
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
        ]
    else:
        processors.append(
            structlog.dev.ConsoleRenderer(
                colors=False, exception_formatter=structlog.dev.plain_traceback
            )
        )
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", _Log())),
        cache_logger_on_first_use=True,
    )
