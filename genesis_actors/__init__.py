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
    from genesis_actors.calling import CommandRefusedError, EngineFailedError, EngineStoppedError
    from genesis_actors.engine import Engine, OrderRejectedError
    from genesis_actors.executors import (
        ExecutionResult,
        IcebergExecutor,
        MarketExecutor,
        OrderExecutor,
        TwapExecutor,
    )
    from genesis_actors.handles import TwapHandle
    from genesis_actors.opening import VirtualTime
    from genesis_actors.orders import Order, OrderError, TwapOrder
    from genesis_actors.settings import Settings, SettingsError

__version__ = "0.1.0"
__all__ = [
    "CommandRefusedError",
    "Engine",
    "EngineFailedError",
    "EngineStoppedError",
    "ExecutionResult",
    "IcebergExecutor",
    "MarketExecutor",
    "Order",
    "OrderError",
    "OrderExecutor",
    "OrderRejectedError",
    "Settings",
    "SettingsError",
    "TwapExecutor",
    "TwapHandle",
    "TwapOrder",
    "VirtualTime",
]

_HOMES = {
    "CommandRefusedError": "calling",
    "Engine": "engine",
    "EngineFailedError": "calling",
    "EngineStoppedError": "calling",
    "ExecutionResult": "executors",
    "IcebergExecutor": "executors",
    "MarketExecutor": "executors",
    "Order": "orders",
    "OrderError": "orders",
    "OrderExecutor": "executors",
    "OrderRejectedError": "engine",
    "Settings": "settings",
    "SettingsError": "settings",
    "TwapExecutor": "executors",
    "TwapHandle": "handles",
    "TwapOrder": "orders",
    "VirtualTime": "opening",
}


def __getattr__(name: str) -> object:
    # Imported when first used: a shell command that only reads must not pay for the engine.
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
