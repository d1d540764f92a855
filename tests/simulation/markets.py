"""Made-up recordings of every awkward kind, as files that a replay reads."""

from __future__ import annotations

import random
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

MIDNIGHT_MS = 1_723_161_600_000  # 2024-08-09 00:00 UTC

VOLUMES = ("steady", "none", "single", "gaps", "spikes", "thin")
PRICES = ("flat", "falling", "rising", "jumping", "wandering")


@dataclass(frozen=True)
class Recorded:
    """The files of one recording."""

    trades: Path
    book: Path
    depth: Path | None


@dataclass(frozen=True)
class MadeMarket:
    """What a made-up market is like; equal values make equal files."""

    seed: int
    minutes: int
    price: str
    volume: str
    has_depth: bool
    has_sizes: bool
    start_ms: int

    def write(self, folder: Path) -> Recorded:
        rng = random.Random(self.seed)
        trades = [f"{self.start_ms},1000,1,buy"]
        book: list[str] = []
        depth: list[str] = []
        cents = 100_000
        end = self.start_ms + self.minutes * 60_000
        at = self.start_ms
        while at <= end:
            cents = max(cents + self._move(rng, (at - self.start_ms) / 60_000), 1_000)
            spread = rng.choice([1, 1, 2, 10])
            bid, ask = Decimal(cents) / 100, Decimal(cents + spread) / 100
            sizes = [f"{rng.randint(1, 400) / 100:.2f}" if self.has_sizes else "" for _ in "ba"]
            book.append(f"{at},{bid},{sizes[0]},{ask},{sizes[1]}")
            if self.has_depth and (not depth or rng.random() < 0.5):
                depth.extend(_snapshot(rng, at, cents, spread))
            trades.extend(self._traded(rng, at, (at - self.start_ms) / 60_000, bid, ask))
            at += rng.choice([100, 500, 1000, 1000, 3000])
        folder.mkdir(parents=True, exist_ok=True)
        return Recorded(
            _written(folder / "trades.csv", "ts_ms,price,amount,side", trades),
            _written(folder / "book.csv", "ts_ms,bid_px,bid_sz,ask_px,ask_sz", book),
            _written(folder / "depth.csv", "ts_ms,side,levels", depth) if depth else None,
        )

    def _move(self, rng: random.Random, minute: float) -> int:
        match self.price:
            case "falling":
                return -rng.randint(0, 3)
            case "rising":
                return rng.randint(0, 3)
            case "jumping":
                return rng.choice([-900, 900]) if rng.random() < 0.02 else 0
            case "wandering":
                return rng.randint(-20, 20)
            case _:
                return 0 if minute >= 0 else 1

    def _traded(
        self, rng: random.Random, at: int, minute: float, bid: Decimal, ask: Decimal
    ) -> list[str]:
        match self.volume:
            case "none":
                count = 0
            case "single":
                count = 1 if minute > self.minutes / 3 and rng.random() < 0.01 else 0
            case "gaps":
                count = 0 if int(minute) % 3 else rng.randint(0, 4)
            case "spikes":
                count = 40 if rng.random() < 0.02 else 1
            case "thin":
                count = 1 if rng.random() < 0.1 else 0
            case _:
                count = rng.randint(0, 3)
        return [
            f"{at + rng.randint(0, 90)},{rng.choice([bid, ask])},{rng.randint(1, 300) / 100:.2f},"
            f"{rng.choice(['buy', 'sell', ''])}"
            for _ in range(count)
        ]


def _snapshot(rng: random.Random, at: int, cents: int, spread: int) -> list[str]:
    rows: list[str] = []
    for side, first, step in (("b", cents, -1), ("a", cents + spread, 1)):
        price, levels = first, list[str]()
        for _ in range(rng.randint(1, 8)):
            levels.append(f"{Decimal(price) / 100}:{rng.randint(1, 300) / 100:.2f}")
            price += step * rng.randint(1, 5)
        rows.append(f"{at},{side},{' '.join(levels)}")
    return rows


def _written(path: Path, header: str, rows: list[str]) -> Path:
    in_order = sorted(rows, key=lambda row: int(row.split(",", 1)[0]))
    path.write_text("\n".join([header, *in_order, ""]))
    return path
