"""What every message is: an immutable, validated value that is safe to share between threads."""

from __future__ import annotations

from typing import Final, Protocol, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict

M_contra = TypeVar("M_contra", contravariant=True)


class Address(Protocol[M_contra]):
    """Somewhere to send messages of one type. Never raises, never blocks, promises nothing about delivery."""

    def tell(self, message: M_contra) -> None: ...


class _Nobody:
    def tell(self, message: object) -> None:
        """Nobody waits for an answer here."""


NOBODY: Final = _Nobody()


class Message(BaseModel):
    """An immutable, validated value. Floats for money, naive times and unknown fields are refused."""

    # Arbitrary types: an address to reply to is not data, and is never stored.
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        arbitrary_types_allowed=True,
        defer_build=True,
    )


class Command(Message):
    """Asks for something. Named in the imperative; may be refused."""


class Event(Message):
    """States what has happened. Named in the past tense; cannot be refused."""

    at: AwareDatetime
