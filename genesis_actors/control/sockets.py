"""The files of a daemon: its socket, and the locks that tell a living one from leftovers.

Nothing but the standard library: clients look here, too.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import socket
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

PID_FILE: Final = "daemon.pid"
"""In the state directory; held as long as a daemon works there."""

_LONGEST_PATH: Final = 107
"""What the kernel allows for a socket's name."""


class DoorError(Exception):
    """The door cannot be opened here. `hint` is the next step."""

    def __init__(self, message: str, hint: str, code: str = "door_failed") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code


class HeldFile:
    """A file with our process id, locked as long as we live: the system lets go of it, however we end."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: int | None = None

    def acquire(self, what: str, hint: str) -> None:
        """Take the lock. Raises DoorError where a living process has it."""
        try:
            file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise DoorError(
                f"{self.path} cannot be written: {error.strerror}",
                "choose another directory: [engine] state_dir, or --socket",
            ) from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(file, 32, 0).decode(errors="replace").strip()
            os.close(file)
            raise DoorError(
                f"{what} (process {holder})" if holder else what, hint, "daemon_running"
            ) from error
        os.truncate(file, 0)
        os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
        self._file = file

    def release(self) -> None:
        """Let go. The file stays, empty: whoever removes a locked file locks nobody out."""
        if self._file is not None:
            os.truncate(self._file, 0)
            os.close(self._file)
            self._file = None


def holder_of(path: Path) -> int | None:
    """Return the living process that holds the file, None where none does."""
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        text = os.pread(file, 32, 0).decode(errors="replace").strip()
        return int(text) if text.isdigit() else 0
    else:
        return None
    finally:
        os.close(file)


def died_with(path: Path, process: int) -> bool:
    """Tell whether that process ended without letting go of the file: it was killed, or has crashed."""
    try:
        return path.read_text(encoding="ascii", errors="replace").strip() == str(process)
    except OSError:
        return False


def lock_beside(socket_path: Path) -> Path:
    """Return the file that a daemon holds as long as the door at `socket_path` is its own."""
    return socket_path.with_name(socket_path.name + ".lock")


def private_directory(path: Path) -> None:
    """Make the directory, for us alone, or check that it is. Raises DoorError."""
    try:
        if not path.exists():
            path.mkdir(parents=True, mode=0o700)
        found = path.stat()
    except OSError as error:
        raise DoorError(
            f"{path} cannot be used: {error.strerror}",
            "choose another directory: [engine] state_dir, or --socket",
        ) from error
    if not stat.S_ISDIR(found.st_mode):
        raise DoorError(f"{path} is no directory", "choose another one, or remove it")
    if found.st_uid != os.geteuid():
        raise DoorError(f"{path} belongs to another user", "choose a directory of your own")
    if found.st_mode & 0o077:
        raise DoorError(
            f"others may enter {path}, and the door must be reached by its own user only",
            f"name one of its own, which is made and shut to others: {path / 'genesis'}",
        )


def bind(path: Path) -> socket.socket:
    """Return a socket that listens at `path`; what a dead daemon has left there is taken over. Raises DoorError."""
    if len(os.fsencode(path)) > _LONGEST_PATH:
        raise DoorError(
            f"{path} is too long for a socket: {_LONGEST_PATH} bytes at most",
            "name a shorter one: --socket PATH",
        )
    private_directory(path.parent)
    _take_over(path)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listening.bind(str(path))
        path.chmod(0o600)
        listening.setblocking(False)  # noqa: FBT003 - the standard library's signature
    except OSError as error:
        listening.close()
        raise DoorError(
            f"no socket can be made at {path}: {error.strerror}", "name another one: --socket PATH"
        ) from error
    return listening


def identity_of(path: Path) -> tuple[int, int] | None:
    """Return what tells the file at `path` from another one of the same name, None where there is none."""
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink()


def _take_over(path: Path) -> None:
    try:
        found = path.lstat()
    except OSError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise DoorError(
            f"{path} is there, and is no socket",
            "name another one: --socket PATH; it is left alone",
        )
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            remove(path)  # Its daemon is dead.
        except OSError as error:
            raise DoorError(
                f"{path} cannot be used: {error}", "name another one: --socket PATH"
            ) from error
        else:
            raise DoorError(
                f"a daemon listens at {path} already",
                "use it, or stop it: genesis daemon stop",
                "daemon_running",
            )


def token_in(path: Path) -> str:
    """Return the token that the file has; one is made where there is none. Raises DoorError."""
    try:
        if not path.exists():
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(file, "w") as writer:
                writer.write(secrets.token_urlsafe(32) + "\n")
        if path.stat().st_mode & 0o077:
            raise DoorError(f"others may read {path}", f"shut it: chmod 600 {path}")
        token = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise DoorError(
            f"the token file {path} cannot be used: {error.strerror}",
            "name another one under [control] token_file",
        ) from error
    if len(token) < 16:  # noqa: PLR2004 - guessing has to be hopeless
        raise DoorError(f"the token in {path} is too short", "remove the file: a new one is made")
    return token
