"""Every decision of the engine, as pure functions on frozen values: no waiting, logging or clocks."""

from genesis_actors.domain.benchmarks import calculate_twap_price
from genesis_actors.domain.early_completion import check_early_completion
from genesis_actors.domain.participation import (
    calculate_participation_rate,
    enforce_participation_limit,
    is_volume_anomaly,
)
from genesis_actors.domain.schedule import ScheduleError, TimeSlice, calculate_time_slices
from genesis_actors.domain.shortfall import calculate_implementation_shortfall
from genesis_actors.domain.sizing import calculate_position_size
from genesis_actors.domain.slippage import calculate_slippage
from genesis_actors.domain.volume_profile import VolumeProfile

__all__ = [
    "ScheduleError",
    "TimeSlice",
    "VolumeProfile",
    "calculate_implementation_shortfall",
    "calculate_participation_rate",
    "calculate_position_size",
    "calculate_slippage",
    "calculate_time_slices",
    "calculate_twap_price",
    "check_early_completion",
    "enforce_participation_limit",
    "is_volume_anomaly",
]
