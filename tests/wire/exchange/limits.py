"""How much may be asked: weight per minute, orders per ten seconds and day; then 429, then 418."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.wire.exchange.refusals import Refusal

MINUTE, TEN_SECONDS, DAY = 60_000, 10_000, 86_400_000


@dataclass
class Limits:
    weight_per_minute: int = 6000
    orders_per_ten_seconds: int = 100
    orders_per_day: int = 200_000
    patience: int = 5  # Refusals in one minute before the address is banned.
    ban_seconds: int = 120
    _used: dict[tuple[str, int], int] = field(default_factory=dict[tuple[str, int], int])
    _banned_until: int = 0

    def charge(self, weight: int, now: int) -> None:
        if now < self._banned_until:
            left = -(-(self._banned_until - now) // 1000)
            raise Refusal(
                -1003,
                f"Way too much request weight used; IP banned until {self._banned_until}."
                " Please use WebSocket Streams for live updates to avoid bans.",
                418,
                retry_after=left,
            )
        if self._add("weight", MINUTE, now, weight) <= self.weight_per_minute:
            return
        if self._add("refused", MINUTE, now, 1) > self.patience:
            self._banned_until = now + self.ban_seconds * 1000
        raise Refusal(
            -1003,
            f"Too much request weight used; current limit is {self.weight_per_minute} request weight per 1 MINUTE."
            " Please use WebSocket Streams for live updates to avoid polling the API.",
            429,
            retry_after=_until_next(MINUTE, now),
        )

    def charge_order(self, now: int) -> None:
        for width, most, words in (
            (TEN_SECONDS, self.orders_per_ten_seconds, "10 SECOND"),
            (DAY, self.orders_per_day, "1 DAY"),
        ):
            if self._add("orders", width, now, 1) > most:
                raise Refusal(
                    -1015,
                    f"Too many new orders; current limit is {most} orders per {words}.",
                    429,
                    retry_after=_until_next(width, now),
                )

    def headers(self, now: int, *, orders: bool) -> dict[str, str]:
        weight = str(self._count("weight", MINUTE, now))
        told = {"X-MBX-USED-WEIGHT": weight, "X-MBX-USED-WEIGHT-1M": weight}
        if orders:
            told["X-MBX-ORDER-COUNT-10S"] = str(self._count("orders", TEN_SECONDS, now))
            told["X-MBX-ORDER-COUNT-1D"] = str(self._count("orders", DAY, now))
        return told

    def _count(self, what: str, width: int, now: int) -> int:
        return self._used.get((f"{what}/{width}", now // width), 0)

    def _add(self, what: str, width: int, now: int, count: int) -> int:
        key = (f"{what}/{width}", now // width)
        self._used[key] = self._used.get(key, 0) + count
        return self._used[key]


def _until_next(width: int, now: int) -> int:
    return -(-(width - now % width) // 1000)
