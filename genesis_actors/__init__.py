"""Genesis Actors: a crash-safe engine that works many large crypto orders at once by TWAP.

from genesis_actors import Engine, Settings, TwapOrder

with Engine.start(Settings.load("genesis.toml")) as engine:
    twap = engine.submit(TwapOrder(symbol="BTC/USDT", side="buy", quantity="10", duration="10m"))
    print(twap.wait(timeout=900).execution.average_price)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from genesis_actors.engine import Engine, TwapHandle
    from genesis_actors.opening import VirtualTime
    from genesis_actors.orders import TwapOrder
    from genesis_actors.settings import Settings

__version__ = "0.1.0"
__all__ = ["Engine", "Settings", "TwapHandle", "TwapOrder", "VirtualTime"]

_HOMES = {
    "Engine": "genesis_actors.engine",
    "TwapHandle": "genesis_actors.engine",
    "TwapOrder": "genesis_actors.orders",
    "Settings": "genesis_actors.settings",
    "VirtualTime": "genesis_actors.opening",
}


def __getattr__(name: str) -> object:
    # Imported when first used: a shell command that only reads must not pay for the engine.
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
