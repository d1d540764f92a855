"""Small, seeded, made-up recordings of twelve minutes, for runs that take no time."""

from __future__ import annotations

import gzip
import random
from dataclasses import dataclass
from pathlib import Path

START_MS = 1_723_160_000_000
SECONDS = 12 * 60


@dataclass(frozen=True)
class RecordingFiles:
    trades: Path
    book: Path
    depth: Path

    @property
    def options(self) -> list[str]:
        return ["--venue", "replay", "--trades", str(self.trades), "--book", str(self.book)]

    @property
    def with_depth(self) -> list[str]:
        return [*self.options, "--depth", str(self.depth)]


def write_recording(
    directory: Path, *, seed: int = 7, seconds: int = SECONDS, trade_amount: float = 0.5
) -> RecordingFiles:
    """Write about two trades a second around 100.00, a touch each second, a depth snapshot each five."""
    dice = random.Random(seed)
    trades, book, depth = ["ts_ms,price,amount,side"], ["ts_ms,bid_px,bid_sz,ask_px,ask_sz"], []
    depth.append("ts_ms,side,levels")
    mid = 10_000  # in ticks of 0.01
    for second in range(seconds):
        at = START_MS + second * 1000
        mid += dice.choice((-1, 0, 0, 1))
        bid, ask = mid - 1, mid + 1
        book.append(f"{at},{bid / 100:.2f},3.0,{ask / 100:.2f},3.0")
        if not second % 5:
            depth.append(f"{at},b,{_levels(bid, -1)}")
            depth.append(f"{at},a,{_levels(ask, 1)}")
        for offset in sorted(dice.sample(range(1, 999), 2)):
            side = dice.choice(("buy", "sell"))
            price = ask if side == "buy" else bid
            amount = round(trade_amount * (0.5 + dice.random()), 3)
            trades.append(f"{at + offset},{price / 100:.2f},{amount:.3f},{side}")
    files = RecordingFiles(
        directory / "trades.csv.gz", directory / "book.csv", directory / "depth.csv"
    )
    files.trades.write_bytes(gzip.compress(_lines(trades), mtime=0))
    files.book.write_bytes(_lines(book))
    files.depth.write_bytes(_lines(depth))
    return files


def _levels(touch: int, step: int) -> str:
    return " ".join(f"{(touch + step * n) / 100:.2f}:3.0" for n in range(10))


def _lines(rows: list[str]) -> bytes:
    return ("\n".join(rows) + "\n").encode()
