"""The order as a user writes it: text is welcome, anything that is not exact or makes no sense is refused."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import (
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
    parse_bps,
    parse_decimal,
    parse_rate,
    parse_symbol,
    parse_threshold,
)
from genesis_actors.settings import Duration
from genesis_actors.values import (
    Algo,
    ClientId,
    OnDeadline,
    ParentOrder,
    Side,
    Style,
    Symbol,
)


class OrderError(ValueError):
    """The order makes no sense as written. The message names the field and what was expected."""


def _decimal(value: object) -> object:
    if isinstance(value, float):
        raise ValueError(f'write it as text, "{value}": a float is not exact')  # noqa: TRY004
    return parse_decimal(value) if isinstance(value, str) else value


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
    def parse(cls, **fields: object) -> Self:
        """Build it from what a user typed. Raises OrderError with the field and what was expected."""
        try:
            return cls.model_validate(fields)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            message = first["msg"].removeprefix("Value error, ")
            raise OrderError(f"{where}: {message}" if where else message) from error


class TwapOrder(_Written):
    """One parent order. What is left out is as the settings have it.

    `quantity` is in base (`"10"`), or in quote with the suffix (`"25000quote"`). Rates are written `"10%"` or
    `"0.1"`, durations `"10m"`, slippage `"20bps"` or `"20"`.
    """

    symbol: Annotated[str, BeforeValidator(_symbol)]
    side: Side
    quantity: _Positive
    quantity_in_quote: bool = False
    duration: Duration
    algo: Algo = Algo.TWAP
    client_id: Annotated[str, Field(min_length=1, max_length=128)] | None = None
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
    def _one_pace(self) -> TwapOrder:
        if self.every is not None and self.slices is not None:
            raise ValueError("give either --every or --slices, not both")
        return self

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
        )


def _limit(value: object) -> object:
    return value if value == "off" else _decimal(value)


class Amendment(_Written):
    """What of an order is to change; what is left out stays. `limit` is a price, or `"off"`."""

    limit: Annotated[
        Annotated[Decimal, Field(gt=0)] | Literal["off"] | None, BeforeValidator(_limit)
    ] = None
    deadline: AwareDatetime | None = None
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
