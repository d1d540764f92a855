"""Where a daemon keeps its files, where its door is, and where the settings are that say so.

Nothing but the standard library: every shell command comes through here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

SOCKET_NAME = "control.sock"
TOKEN_NAME = "token"  # noqa: S105 - the name of a file
SETTINGS_NAME = "genesis.toml"
SETTINGS_VARIABLE = "GENESIS_CONFIG"
SOCKET_VARIABLES = ("GENESIS_SOCKET", "GENESIS_CONTROL__SOCKET")
STATE_VARIABLE = "GENESIS_ENGINE__STATE_DIR"
TOKEN_VARIABLE = "GENESIS_CONTROL__TOKEN_FILE"  # noqa: S105 - the name of a variable

_PORT = re.compile(r"(?:(?:tcp|http)://)?([^/:]*):(\d{1,5})/?")
_LOOPBACK = ("127.0.0.1", "localhost")


class PlaceError(ValueError):
    """What says where the door is cannot be understood."""


@dataclass(frozen=True, slots=True)
class LoopbackPort:
    """A daemon's door on a port of this machine, and the file with the token that it asks for."""

    number: int
    token_file: Path

    def __str__(self) -> str:
        return f"127.0.0.1:{self.number}"


def default_state_dir() -> Path:
    """Return where a user's daemon keeps its files unless the settings say otherwise."""
    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "genesis"


def find_settings(named: Path | None = None) -> Path | None:
    """Return the settings file that commands read: as named, by GENESIS_CONFIG, or the usual one if it is there."""
    if named is not None:
        return named
    if variable := os.environ.get(SETTINGS_VARIABLE):
        return Path(variable).expanduser()
    base = os.environ.get("XDG_CONFIG_HOME")
    usual = (Path(base) if base else Path.home() / ".config") / "genesis" / SETTINGS_NAME
    return usual if usual.is_file() else None


def find_socket(named: str | None = None, settings: Path | None = None) -> Path | LoopbackPort:
    """Return the door that a client means: as named, as the environment or the settings file say, or the usual one.

    `127.0.0.1:8787` is a port. Raises PlaceError for a port elsewhere, and for settings that cannot be read.
    """
    file = _sections(find_settings(settings))
    state_dir = _path(os.environ.get(STATE_VARIABLE) or file.get(("engine", "state_dir")))
    state_dir = default_state_dir() if state_dir is None else state_dir
    variables = map(os.environ.get, SOCKET_VARIABLES)
    for place in (named, *variables, file.get(("control", "socket"))):
        if place and (port := _PORT.fullmatch(place)):
            if port[1] not in _LOOPBACK:
                raise PlaceError(
                    f"{place} is not on this machine: a door is 127.0.0.1:PORT or a path"
                )
            token_file = os.environ.get(TOKEN_VARIABLE) or file.get(("control", "token_file"))
            return LoopbackPort(int(port[2]), _path(token_file) or state_dir / TOKEN_NAME)
        if place:
            return Path(place).expanduser()
    return state_dir / SOCKET_NAME


def _path(text: str | None) -> Path | None:
    return Path(text).expanduser() if text else None


def _sections(path: Path | None) -> Mapping[tuple[str, str], str]:
    """Return the text values of the settings file. What else it says is the daemon's affair."""
    if path is None:
        return {}
    import tomllib  # noqa: PLC0415 - most machines have no such file

    try:
        with path.open("rb") as file:
            found = tomllib.load(file)
    except OSError as error:
        raise PlaceError(f"cannot read the settings file {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise PlaceError(f"{path} is not valid TOML: {error}") from error
    return {
        (section, name): value
        for section, values in found.items()
        if isinstance(values, dict)
        for name, value in cast("dict[str, Any]", values).items()
        if isinstance(value, str)
    }
