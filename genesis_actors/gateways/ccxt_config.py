"""What ccxt's constructor is given: what the operator wrote, the keys, and what must be so for orders to be safe."""

from __future__ import annotations

import copy
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import urlsplit

from genesis_actors.gateways.redaction import Redactor
from genesis_actors.gateways.venue import ForbiddenSourceError
from genesis_actors.settings import CcxtSettings, SettingsError, check_is_private

Config = dict[str, Any]

_VARIABLES: Final = {
    "apiKey": "GENESIS_API_KEY",
    "secret": "GENESIS_API_SECRET",
    "password": "GENESIS_API_PASSWORD",
}
_FILE_NAMES: Final = {"apiKey": "api_key", "secret": "secret", "password": "password"}


@dataclass(frozen=True, slots=True)
class Forced:
    """An option that is ours to set, whatever the operator has written. `was` is that, None for nothing."""

    name: str
    value: object
    why: str
    was: object = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A constructor's argument, and what is known about it. It holds secrets: only `redactor` may speak of it."""

    config: Config = field(repr=False)
    forced: tuple[Forced, ...]
    redactor: Redactor = field(repr=False)
    keys_from: str | None
    """Where the keys come from, None where there are none."""


def prepare(
    settings: CcxtSettings, *, is_live: bool, environ: Mapping[str, str] | None = None
) -> Prepared:
    """Return what the exchange is made with. Raises ForbiddenSourceError, SettingsError."""
    config: Config = copy.deepcopy(settings.config)
    if is_live and config.get("verbose"):
        raise ForbiddenSourceError(
            "[venue.ccxt.config] verbose = true would print signed requests, keys among them",
            "leave verbose out in live mode; genesis run -v says what happens without secrets",
        )
    keys_from = _add_keys(config, settings, os.environ if environ is None else environ)
    forced = _force(config, settings)
    return Prepared(config, forced, Redactor.of_config(config), keys_from)


def _add_keys(config: Config, settings: CcxtSettings, environ: Mapping[str, str]) -> str | None:
    keys_from = "[venue.ccxt.config]" if config.get("apiKey") else None
    if settings.secrets_file is not None:
        path = settings.secrets_file.expanduser()
        config.update(_from_file(path))
        keys_from = str(path)
    for name, variable in _VARIABLES.items():
        if environ.get(variable):
            config[name] = environ[variable]
            keys_from = "the environment"
    return keys_from if config.get("apiKey") else None


def _from_file(path: Path) -> Config:
    try:
        check_is_private(path)
        with path.open("rb") as file:
            found = tomllib.load(file)
    except OSError as error:
        raise SettingsError(f"cannot read the secrets file {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        # What is wrong with it stays unsaid: the parser would cite it.
        raise SettingsError(f'{path} is not valid TOML; write api_key = "..."') from None
    keys = {name: found.pop(key) for name, key in _FILE_NAMES.items() if key in found}
    if found:
        known = ", ".join(_FILE_NAMES.values())
        raise SettingsError(f"{path} has keys that nobody heeds; there are {known}")
    return keys


def _force(config: Config, settings: CcxtSettings) -> tuple[Forced, ...]:
    window = settings.recv_window.seconds * 1_000 + settings.recv_window.microseconds // 1_000
    options = cast("Config", config.setdefault("options", {}))
    asked = options.get("recvWindow")
    if isinstance(asked, int) and 0 < asked < window:
        window = asked
    wanted: list[tuple[str, object, str]] = [
        ("enableRateLimit", True, "requests beyond the venue's limit get an address banned"),
        ("verbose", False, "it prints signed requests"),
        ("options.maxRetriesOnFailure", 0, "an order that is repeated may be two orders"),
        ("options.defaultType", "spot", "only spot markets are worked"),
        ("options.portfolioMargin", False, "orders and balances would be another account's"),
        ("options.defaultMarginMode", None, "orders and balances would be another account's"),
        ("options.marginMode", None, "orders and balances would be another account's"),
        ("options.fetchMargins", False, "only spot markets are worked"),
        ("options.adjustForTimeDifference", True, "a wrong clock gets orders refused"),
        ("options.recvWindow", window, "so long a lost order may still arrive"),
    ]
    if settings.exchange in {"binance", "binanceus"}:
        spot = {"types": ["spot"]}
        wanted.append(("options.fetchMarkets", spot, "only spot markets are worked"))
    forced = tuple(_set(config, *each) for each in wanted)
    config.setdefault("timeout", settings.request_timeout.total_seconds() * 1_000)
    return forced


def _set(config: Config, path: str, value: object, why: str) -> Forced:
    *parts, name = path.split(".")
    place = config
    for part in parts:
        place = cast("Config", place[part])
    was = place.get(name)
    place[name] = value
    return Forced(path, value, why, was)


def names_real_exchange(urls: object, known: Mapping[str, Any], hostname: str | None) -> bool:
    """Tell whether any address in `urls`, wherever it stands, is of the exchange itself and not of its sandbox.

    `known` are ccxt's own addresses of it. Names are held against each other by what they end in: an exchange has
    more of them than ccxt lists.
    """
    sandbox = _hosts(known.get("test", {}), hostname)
    real = _domains(_hosts(known["api"], hostname))
    return not real.isdisjoint(_domains(_hosts(urls, hostname) - sandbox))


def _hosts(urls: object, hostname: str | None) -> set[str]:
    """Return every host in a tree of addresses."""
    if isinstance(urls, Mapping):
        each = [_hosts(url, hostname) for url in cast("Mapping[str, object]", urls).values()]
        return set[str]().union(*each)
    host = urlsplit(str(urls).replace("{hostname}", hostname or "")).hostname
    return set() if host is None else {host.rstrip(".").lower()}


def _domains(hosts: set[str]) -> set[str]:
    return {".".join(host.split(".")[-2:]) for host in hosts}
