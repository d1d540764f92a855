"""Looks at settings, database and venue, and says what it finds."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from datetime import timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import cast

from genesis_actors.cli import text
from genesis_actors.cli.errors import ExitCode
from genesis_actors.cli.output import Output
from genesis_actors.control.client import Client, LostError, NoDaemonError, RefusedError
from genesis_actors.control.sockets import holder_of, lock_beside
from genesis_actors.gateways.ccxt_checkup import Finding, Status, examine
from genesis_actors.gateways.ccxt_venue import CcxtVenue
from genesis_actors.gateways.redaction import MASK, masked
from genesis_actors.gateways.venue import SourceError
from genesis_actors.opening import LiveNotAllowedError, check_mode, open_venue
from genesis_actors.places import LoopbackPort, find_socket
from genesis_actors.settings import Settings, SettingsError
from genesis_actors.storage.database import Database
from genesis_actors.storage.errors import StorageError
from genesis_actors.storage.recovery import Identity, load_account_events, load_identity
from genesis_actors.values import Symbol, TradingTier, decimal_text, time_text

_KEYS = ("GENESIS_API_KEY", "GENESIS_API_SECRET", "GENESIS_API_PASSWORD")


def run_doctor(
    symbols: Iterable[str], *, venue: str | None, config: Path | None, db: str | None, output: str
) -> int:
    """Print the findings, and return the exit code."""
    settings = Settings.load(
        config,
        storage={} if db is None else {"url": db},
        venue={} if venue is None else {"kind": venue},
    )
    found = [_mode(settings), *_of_venue(settings, [Symbol(name) for name in symbols])]
    found += _account(settings)
    found.append(_daemon(find_socket(None, config)))
    items = [
        {"name": f.name, "status": f.status.value, "message": f.message, "hint": f.hint or None}
        for f in found
    ]
    Output(output, settings.engine.mode).write_list(items, lambda: _findings_text(found))
    return ExitCode.FAILURE if any(f.status is Status.ERROR for f in found) else ExitCode.OK


def _daemon(door: Path | LoopbackPort) -> Finding:
    """Look whether a daemon runs where commands look for it; none is needed to run one order."""
    if isinstance(door, LoopbackPort):
        return Finding("daemon", Status.OK, f"commands look for it at {door}")
    process = holder_of(lock_beside(door))
    if process is None:
        return Finding("daemon", Status.OK, f"none at {door}: genesis daemon start makes one")
    try:
        about = Client(door).get("daemon").data
    except (NoDaemonError, LostError, RefusedError) as error:
        hint = f"try again in a moment; SIGTERM drains it, too: kill {process}"
        return Finding("daemon", Status.ERROR, f"process {process} does not answer: {error}", hint)
    said = (
        f"process {about['pid']} is {about['state']} at {door}: {about['venue']}, {about['mode']}"
    )
    return Finding("daemon", Status.OK, said)


def _mode(settings: Settings) -> Finding:
    try:
        check_mode(settings)
    except LiveNotAllowedError as error:
        return Finding("mode", Status.ERROR, str(error), error.hint)
    if settings.engine.mode == "live" and not settings.venue.ccxt.sandbox:
        message = f"live, real money at {settings.venue.name}: a run also needs --live"
        return Finding("mode", Status.OK, message)
    return Finding(
        "mode", Status.OK, f"{settings.engine.mode}, at {settings.venue.name}: no real money"
    )


def _of_venue(settings: Settings, symbols: list[Symbol]) -> list[Finding]:
    try:
        venue = open_venue(settings)
    except SourceError as error:
        failed = Finding("venue", Status.ERROR, str(error), error.hint)
        return [failed, _database(settings, None)]
    except SettingsError as error:
        return [Finding("venue", Status.ERROR, str(error)), _database(settings, None)]
    if not isinstance(venue, CcxtVenue):
        return [Finding("venue", Status.OK, venue.name), _database(settings, None)]
    try:
        count = len(venue.reads.markets)
        found = [Finding("venue", Status.OK, f"{venue.name} answers, with {count} markets")]
        return [*found, *examine(venue, symbols), _database(settings, venue.account)]
    finally:
        venue.close()


def _database(settings: Settings, account: str | None) -> Finding:
    """Look whose the database is, as a start would; it is neither made nor changed."""
    database = Database.of(settings.storage.url)
    if database.path is not None and not database.path.exists():
        return Finding("database", Status.OK, f"{database} will be made by the first run")
    try:
        identity = load_identity(database)
    except StorageError as error:
        return Finding("database", Status.ERROR, error.message, error.hint)
    if identity is None:
        return Finding("database", Status.OK, f"{database} is new")
    for what, ours in (
        ("mode", settings.engine.mode),
        ("venue", settings.venue.name),
        ("account", account),
    ):
        theirs = getattr(identity, what)
        if None not in {ours, theirs} and ours != theirs:
            return Finding(
                "database",
                Status.ERROR,
                f"{database} belongs to the {what} {theirs!r}, not to {ours!r}",
                "name another one with --db",
            )
    return _halted(database, identity)


def _halted(database: Database, identity: Identity) -> Finding:
    if identity.halted_at is None:
        return Finding(
            "database", Status.OK, f"{database} belongs to {identity.venue} ({identity.mode})"
        )
    hint = f"when it may go on: genesis unhalt --db {database}"
    return Finding("database", Status.WARNING, f"{database} is halted", hint)


def _account(settings: Settings) -> list[Finding]:
    """Look at the tier that the journal has: a start takes it over, and the next order looks at it anew."""
    database = Database.of(settings.storage.url)
    override = settings.account.tier_override
    if override is not None:
        return [Finding("account", Status.OK, f"{override}, by [account] tier_override")]
    if database.path is not None and not database.path.exists():
        return []
    try:
        journal = load_account_events(database)
    except StorageError:
        return []  # What is wrong with it has been said.
    if not journal:
        return []
    last = journal[-1]
    said = (
        f"{last.after} since {time_text(last.at)}, when it was worth "
        f"{text.money(last.equity)} {last.currency}"
    )
    if last.after is TradingTier.STRATEGIST:
        return [Finding("account", Status.OK, said)]
    hint = f"TWAP needs STRATEGIST: {decimal_text(settings.account.strategist_equity)} and more"
    return [Finding("account", Status.WARNING, said, hint)]


def _findings_text(found: list[Finding]) -> str:
    return text.pairs(
        [
            (f"{f.status.value:<8} {f.name}", f"{f.message} -> {f.hint}" if f.hint else f.message)
            for f in found
        ]
    )


def show_settings(config: Path | None, output: str) -> None:
    settings = Settings.load(config)
    shown = cast("dict[str, object]", masked(_plain(settings.model_dump())))
    shown["secrets"] = {name: MASK for name in _KEYS if os.environ.get(name)}
    Output(output, settings.engine.mode).write_item(
        shown, lambda: "\n".join(_lines(shown)), [dict(_flat(shown))]
    )


def _plain(value: object) -> object:
    match value:
        case Mapping():
            fields = cast("Mapping[object, object]", value)
            return {str(name): _plain(each) for name, each in fields.items()}
        case tuple():
            return [_plain(each) for each in cast("tuple[object, ...]", value)]
        case frozenset():
            return sorted(str(_plain(each)) for each in cast("frozenset[object]", value))
        case Decimal():
            return decimal_text(value)
        case timedelta():
            return f"{value / timedelta(seconds=1):g}s"
        case Enum():
            return value.value
        case Path():
            return str(value)
        case _:
            is_plain = value is None or isinstance(value, (str, int, float))
            return value if is_plain else str(value)


def _lines(shown: Mapping[str, object]) -> Iterable[str]:
    for name, value in _flat(shown):
        yield f"{name} = {'' if value is None else value}"


def _flat(shown: Mapping[str, object], above: str = "") -> Iterable[tuple[str, object]]:
    for name, value in shown.items():
        if isinstance(value, Mapping):
            yield from _flat(cast("Mapping[str, object]", value), f"{above}{name}.")
        else:
            yield f"{above}{name}", value
