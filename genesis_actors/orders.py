"""The order as a user writes it: text is welcome, anything that is not exact or makes no sense is refused."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import (
    TYPE_CHECKING,
    Annotated,
    Literal,
    Required,
    Self,
    TypeAlias,
    TypedDict,
    Unpack,
)

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from genesis_actors.notation import (
    QUOTE_SUFFIX,
    in_reach,
    parse_bps,
    parse_decimal,
    parse_rate,
    parse_symbol,
    parse_threshold,
)
from genesis_actors.settings import Duration
from genesis_actors.values import (
    ZERO,
    Algo,
    ClientId,
    OnDeadline,
    OnSlippage,
    ParentOrder,
    Side,
    Style,
    Symbol,
    in_utc,
    plain_line,
)


class OrderError(ValueError):
    """The order makes no sense as written. The message names the field and what was expected."""


def _decimal(value: object) -> object:
    if isinstance(value, float):
        raise ValueError(f'write it as text, "{value}": a float is not exact')  # noqa: TRY004
    if isinstance(value, Decimal) and value.is_finite():
        return in_reach(value)
    return parse_decimal(str(value)) if isinstance(value, str | int) else value


def _rate(value: object) -> object:
    return parse_rate(value) if isinstance(value, str) else _decimal(value)


def _threshold(value: object) -> object:
    return parse_threshold(value) if isinstance(value, str) else _decimal(value)


def _bps(value: object) -> object:
    return parse_bps(value) if isinstance(value, str) else _decimal(value)


def _symbol(value: object) -> object:
    return parse_symbol(value) if isinstance(value, str) else value


_Positive = Annotated[Decimal, BeforeValidator(_decimal), Field(gt=0)]
_Share = Annotated[Decimal, BeforeValidator(_rate), Field(ge=0, le=1)]


class _Written(BaseModel):
    """What a user writes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def parse(cls, /, **fields: object) -> Self:
        """Build it from what a user typed. Raises OrderError with the field and what was expected."""
        try:
            return cls.model_validate(fields)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            message = first["msg"].removeprefix("Value error, ")
            raise OrderError(f"{where}: {message}" if where else message) from error


Exact: TypeAlias = Decimal | str | int
"""How numbers may be written: exactly, so that a float is none."""


class OrderFields(TypedDict, total=False):
    """The fields of an order as they may be written."""

    symbol: Required[str]
    side: Required[Side | Literal["buy", "sell"]]
    quantity: Required[Exact]
    quantity_in_quote: bool
    algo: Algo | Literal["twap", "iceberg", "market"]
    client_id: str | None
    every: timedelta | str | None
    slices: int | None
    limit_price: Exact | None
    target_price: Exact | None
    max_participation: Exact | None
    max_slippage_bps: Exact | None
    early_completion: Exact | None
    volume_adaptivity: Exact | None
    jitter: Exact | None
    on_deadline: OnDeadline | Literal["leave", "extend", "sweep"] | None
    style: Style | Literal["taker", "maker", "auto"] | None
    seed: int | None
    clip_quantity: Exact | None
    clips: int | None
    on_slippage: OnSlippage | Literal["pause", "cancel"] | None


class Order(_Written):
    """What is to be traded and how, without the time it may take. What is left out is as the settings have it.

    `quantity` is in base (`"10"`), or in quote with the suffix (`"25000quote"`). Rates are written `"10%"` or
    `"0.1"`, durations `"10m"`, slippage `"20bps"` or `"20"`. What makes no sense is refused when it is written:
    OrderError by `parse`, else pydantic's ValidationError; both are ValueErrors.
    """

    symbol: Annotated[str, BeforeValidator(_symbol)]
    side: Side
    quantity: _Positive
    quantity_in_quote: bool = False
    algo: Algo = Algo.TWAP
    client_id: (
        Annotated[str, Field(min_length=1, max_length=128), AfterValidator(plain_line)] | None
    ) = None
    every: Duration | None = None
    slices: Annotated[int, Field(ge=1, le=1000)] | None = None
    limit_price: _Positive | None = None
    target_price: _Positive | None = None
    max_participation: Annotated[Decimal, BeforeValidator(_rate), Field(gt=0, le=1)] | None = None
    max_slippage_bps: Annotated[Decimal, BeforeValidator(_bps), Field(ge=0)] | None = None
    early_completion: Annotated[Decimal, BeforeValidator(_threshold), Field(ge=0, lt=1)] | None = (
        None
    )
    volume_adaptivity: _Share | None = None
    jitter: Annotated[Decimal, BeforeValidator(_rate), Field(ge=0, lt=1)] | None = None
    on_deadline: OnDeadline | None = None
    style: Style | None = None
    seed: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    priority: Annotated[int, Field(ge=-100, le=100)] = 0
    clip_quantity: _Positive | None = None
    clips: Annotated[int, Field(ge=1, le=1000)] | None = None
    on_slippage: OnSlippage | None = None

    if TYPE_CHECKING:  # What is written is not yet what is held.

        def __init__(self, **fields: Unpack[OrderFields]) -> None: ...

    @model_validator(mode="before")
    @classmethod
    def _split_quantity(cls, values: object) -> object:
        if isinstance(values, dict):
            fields = dict[str, object](values)  # pyright: ignore[reportUnknownArgumentType]
            quantity = fields.get("quantity")
            if isinstance(quantity, str) and quantity.endswith(QUOTE_SUFFIX):
                return {
                    **fields,
                    "quantity": quantity.removesuffix(QUOTE_SUFFIX),
                    "quantity_in_quote": True,
                }
        return values  # pyright: ignore[reportUnknownVariableType]

    @model_validator(mode="after")
    def _one_pace(self) -> Self:
        if self.every is not None and self.slices is not None:
            raise ValueError("give either --every or --slices, not both")
        if self.clip_quantity is not None and self.clips is not None:
            raise ValueError("give either --clip or --clips, not both")
        return self


class TwapOrder(Order):
    """One parent order, complete: what `Engine.submit` takes. A TWAP has a `duration`, its window.

    With `algo` it is worked otherwise: an iceberg's `duration` is how long it may take at most (by default as long as
    the operator lets any window be), a market order has none.
    """

    duration: Duration | None = None

    if TYPE_CHECKING:

        def __init__(
            self, *, duration: timedelta | str | None = None, **fields: Unpack[OrderFields]
        ) -> None: ...

    @model_validator(mode="after")
    def _suits_its_algo(self) -> Self:
        if self.algo is Algo.TWAP and self.duration is None:
            raise ValueError("duration: a TWAP needs its window, like 10m")
        misplaced = next((name for name in _NOT_FOR[self.algo] if self._asks_for(name)), None)
        if misplaced is not None:
            raise ValueError(f"{misplaced}: {_WHY_NOT[self.algo]}")
        return self

    def _asks_for(self, name: str) -> bool:
        value = getattr(self, name)
        return value is not None and value not in {ZERO, OnDeadline.LEAVE, Style.TAKER}

    def parent_order(self) -> ParentOrder:
        return ParentOrder(
            symbol=Symbol(self.symbol),
            side=self.side,
            quantity=self.quantity,
            duration=self.duration,
            quantity_in_quote=self.quantity_in_quote,
            algo=self.algo,
            client_id=None if self.client_id is None else ClientId(self.client_id),
            slice_interval=self.every,
            slices=self.slices,
            limit_price=self.limit_price,
            target_price=self.target_price,
            max_participation=self.max_participation,
            max_slippage_bps=self.max_slippage_bps,
            early_completion=self.early_completion,
            volume_adaptivity=self.volume_adaptivity,
            jitter=self.jitter,
            on_deadline=self.on_deadline,
            style=self.style,
            seed=self.seed,
            priority=self.priority,
            clip_quantity=self.clip_quantity,
            clips=self.clips,
            on_slippage=self.on_slippage,
        )


_TWAP_ALONE = (
    "every",
    "slices",
    "early_completion",
    "target_price",
    "volume_adaptivity",
    "jitter",
)
_NOT_FOR = {
    Algo.TWAP: ("clip_quantity", "clips"),
    Algo.ICEBERG: _TWAP_ALONE,
    Algo.MARKET: (
        "duration",
        "clip_quantity",
        "clips",
        *_TWAP_ALONE,
        "max_participation",
        "on_deadline",
        "style",
        "on_slippage",
    ),
}
_WHY_NOT = {
    Algo.TWAP: "only an iceberg has clips; choose that algo, or give slices",
    Algo.ICEBERG: "an iceberg has clips and pauses instead; leave it out",
    Algo.MARKET: "a market order is one sweep, at once and exempt from the cap; leave it out",
}


def _limit(value: object) -> object:
    return value if value == "off" else _decimal(value)


class Amendment(_Written):
    """What of an order is to change; what is left out stays. `limit` is a price, or `"off"`."""

    limit: Annotated[
        Annotated[Decimal, Field(gt=0)] | Literal["off"] | None, BeforeValidator(_limit)
    ] = None
    deadline: Annotated[AwareDatetime, AfterValidator(in_utc)] | None = None
    duration: Duration | None = None
    quantity: _Positive | None = None
    max_participation: Annotated[Decimal, BeforeValidator(_rate), Field(gt=0, le=1)] | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if all(getattr(self, name) is None for name in type(self).model_fields):
            raise ValueError("say what is to change")
        if self.deadline is not None and self.duration is not None:
            raise ValueError("give either a deadline or a duration, not both")
        return self
