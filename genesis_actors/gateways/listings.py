"""The symbols of the paper venue: what they cost, trade and move, and the steps they trade in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from genesis_actors.values import MarketRules, Symbol

FEE = Decimal("0.001")


@dataclass(frozen=True, slots=True)
class Listing:
    """One symbol. Its volume is in base; its volatility is that of a second, in parts per billion.

    A volatility of 100,000 is 56 % a year.
    """

    symbol: Symbol
    price: Decimal
    tick: Decimal
    lot: Decimal
    daily_volume: Decimal
    trades_per_day: int
    volatility_ppb: int
    min_notional: Decimal = Decimal(5)

    def at_activity(self, activity: int) -> Listing:
        """Return the same symbol, but traded so many times as much, and as often."""
        return replace(
            self,
            daily_volume=activity * self.daily_volume,
            trades_per_day=activity * self.trades_per_day,
        )

    @property
    def rules(self) -> MarketRules:
        base, _, quote = self.symbol.partition("/")
        return MarketRules(
            symbol=self.symbol,
            base=base,
            quote=quote,
            lot=self.lot,
            tick=self.tick,
            min_notional=self.min_notional,
            taker_fee=FEE,
            maker_fee=FEE,
        )


def _listing(row: str) -> Listing:
    symbol, price, tick, lot, volume, trades, volatility, *rest = row.split()
    return Listing(
        Symbol(symbol),
        Decimal(price),
        Decimal(tick),
        Decimal(lot),
        Decimal(volume),
        int(trades),
        int(volatility),
        *map(Decimal, rest),
    )


LISTINGS = tuple(
    _listing(row)
    for row in (
        # symbol  price     tick      lot  volume/day  trades/day  volatility  minimum notional
        "BTC/USDT   60000     0.01      0.00001      25000   350000  95000",
        "ETH/USDT    2500     0.01      0.0001      400000   300000 110000",
        "SOL/USDT     150     0.01      0.001      4000000   250000 135000",
        "BNB/USDT     550     0.01      0.001       300000   120000 100000",
        "XRP/USDT    0.60     0.00001   0.1      300000000   150000 120000",
        "ADA/USDT    0.40     0.00001   0.1      120000000    80000 130000",
        "DOGE/USDT   0.12     0.000001  1        900000000   120000 140000",
        "LTC/USDT      70     0.001     0.001       700000    60000 115000",
        "LINK/USDT     12     0.0001    0.01       5000000    60000 130000",
        "AVAX/USDT     25     0.001     0.01       3000000    60000 140000",
        "ETH/BTC     0.04     0.000001  0.0001       30000    40000  70000  0.0001",
        "BNB/BTC     0.009    0.0000001 0.001        15000    20000  80000  0.0001",
    )
)


def numbered_listing(number: int) -> Listing:
    """Return a made-up symbol such as `SYM042/USDT`, for as many symbols as a test needs."""
    price = Decimal(1 + number * 37 % 500)
    return Listing(
        symbol=Symbol(f"SYM{number:03d}/USDT"),
        price=price,
        tick=Decimal("0.0001"),
        lot=Decimal("0.001"),
        daily_volume=Decimal(50_000_000) // price,
        trades_per_day=80_000,
        volatility_ppb=90_000 + number * 7_919 % 50_000,
    )
