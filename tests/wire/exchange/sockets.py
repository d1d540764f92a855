"""What goes wrong on websockets, besides being cut and falling silent: the next things that they say are spoilt."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Spoil(StrEnum):
    DUPLICATE = "duplicate"  # Everything is said twice.
    REORDER = "reorder"  # The newest comes first.
    LOSE = "lose"  # Nothing of it is said.
    GARBAGE = "garbage"  # Frames end in their middle.
    OTHER_SYMBOL = "other_symbol"  # It is said of another symbol.


@dataclass
class Sockets:
    """Of all websockets: how many there are, and what becomes of what they say."""

    open: int = 0
    ever: int = 0
    subscriptions: int = 0  # Of all sockets, ever.
    are_refused: bool = False
    spoilt: int = 0
    spoils: Spoil | None = None
    times: int = 0

    def next(self, how: Spoil, times: int = 1) -> None:
        """Spoil the next `times` messages with something in them."""
        self.spoils, self.times = how, times

    def spoil(self, frames: list[str], held: list[str]) -> list[str]:
        """Return what is said instead. `held` is what the same socket has kept back so far."""
        frames = [*held, *frames]
        held.clear()
        if self.spoils is None or self.times <= 0 or not frames:
            return frames
        if self.spoils is Spoil.REORDER and len(frames) == 1:
            held += frames  # Until there is something to put before it.
            return []
        self.times -= 1
        self.spoilt += 1
        match self.spoils:
            case Spoil.DUPLICATE:
                return [frame for frame in frames for _ in range(2)]
            case Spoil.REORDER:
                return frames[::-1]
            case Spoil.LOSE:
                return []
            case Spoil.GARBAGE:
                return [frame[: len(frame) // 2] for frame in frames]
            case Spoil.OTHER_SYMBOL:
                return [frame.replace("BTCUSDT", "ETHUSDT") for frame in frames]
