"""Every decision of the engine, as pure functions on frozen values: no waiting, logging or clocks."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from genesis_actors.domain.benchmarks import calculate_twap_price
from genesis_actors.domain.early_completion import check_early_completion
from genesis_actors.domain.iceberg import calculate_clips
from genesis_actors.domain.limits import RiskDecision, check_parent_order, check_risk_limits
from genesis_actors.domain.participation import (
    calculate_participation_rate,
    enforce_participation_limit,
    is_volume_anomaly,
)
from genesis_actors.domain.portfolio import calculate_correlation
from genesis_actors.domain.schedule import ScheduleError, TimeSlice, calculate_time_slices
from genesis_actors.domain.shortfall import calculate_implementation_shortfall
from genesis_actors.domain.sizing import calculate_position_size
from genesis_actors.domain.slippage import calculate_slippage
from genesis_actors.domain.tiers import requires_tier
from genesis_actors.domain.volume_profile import VolumeProfile
from genesis_actors.values import TradingTier

if TYPE_CHECKING:
    from genesis_actors.domain.report import generate_execution_report
else:  # Hidden from the type checker, which would take any name for one of ours.

    def __getattr__(name: str) -> object:
        # Imported when first used: the report brings in what storage and control are told.
        if name == "generate_execution_report":
            return getattr(import_module("genesis_actors.domain.report"), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "RiskDecision",
    "ScheduleError",
    "TimeSlice",
    "TradingTier",
    "VolumeProfile",
    "calculate_clips",
    "calculate_correlation",
    "calculate_implementation_shortfall",
    "calculate_participation_rate",
    "calculate_position_size",
    "calculate_slippage",
    "calculate_time_slices",
    "calculate_twap_price",
    "check_early_completion",
    "check_parent_order",
    "check_risk_limits",
    "enforce_participation_limit",
    "generate_execution_report",
    "is_volume_anomaly",
    "requires_tier",
]
