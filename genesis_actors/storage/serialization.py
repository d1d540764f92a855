"""Events as JSON and back. The registry of types are the unions themselves: an execution's, and the account's."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Final, TypeVar, cast, get_args

from pydantic import ValidationError

from genesis_actors.messages.account import AccountEvent, TierChanged
from genesis_actors.messages.events import ExecutionEvent, JournalEvent
from genesis_actors.storage.errors import DatabaseUnusable

E = TypeVar("E", ExecutionEvent, AccountEvent)

EVENT_TYPES: Final[dict[str, type[ExecutionEvent]]] = {
    event_type.__name__: event_type for event_type in get_args(JournalEvent)
}
ACCOUNT_EVENT_TYPES: Final[dict[str, type[AccountEvent]]] = {TierChanged.__name__: TierChanged}
_ALL_TYPES: Final = {*EVENT_TYPES.values(), *ACCOUNT_EVENT_TYPES.values()}


def to_json(event: ExecutionEvent | AccountEvent) -> str:
    if type(event) not in _ALL_TYPES:
        raise TypeError(f"{type(event).__name__} is not an event of the journal")
    # As `model_dump_json` does it, whose many options take as long as a small event.
    return event.__pydantic_serializer__.to_json(event).decode()


def from_json(event_type: str, text: str) -> JournalEvent:
    """Return an execution's event exactly as it was written."""
    return cast("JournalEvent", _read(EVENT_TYPES.get(event_type), event_type, text))


def account_event_from_json(event_type: str, text: str) -> AccountEvent:
    """Return an event of the account exactly as it was written."""
    return _read(ACCOUNT_EVENT_TYPES.get(event_type), event_type, text)


def _read(known: type[E] | None, event_type: str, text: str) -> E:
    if known is None:
        raise DatabaseUnusable(
            f"the journal has an event of the unknown type {event_type!r}",
            "upgrade genesis-actors: pip install --upgrade genesis-actors",
        )
    try:
        return known.model_validate_json(text)
    except ValidationError as error:
        raise DatabaseUnusable(
            f"the journal's {event_type} cannot be read: {error}",
            "upgrade genesis-actors, or restore a backup of the database",
        ) from error


def event_id(execution_id: str, version: int) -> str:
    """Return the id of an event: derived, so that it can be looked for after an uncertain commit.

    Those of one execution follow each other, so that the index has what is written together in one place.

    >>> event_id("x1", 1)
    '6c13be90-a98b-d482-6432-000000000001'
    """
    return f"{_id_prefix(execution_id)}{version:012x}"


@lru_cache(maxsize=4096)
def _id_prefix(execution_id: str) -> str:
    digest = hashlib.blake2b(execution_id.encode(), digest_size=10).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:]}-"
