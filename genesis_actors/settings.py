"""What the operator decides: environment over file over default. Secrets live only in what ccxt is handed.

Durations are written `90s`, `15m`, `2h`; rates `0.10` or `10%`. Floats are refused where money is meant.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self, cast
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from pydantic_settings import SettingsError as UnreadableVariable

from genesis_actors.domain.gate import GateLimits
from genesis_actors.domain.limits import RiskLimits
from genesis_actors.domain.policy import IcebergDefaults, SweepDefaults, TwapDefaults
from genesis_actors.domain.portfolio import CorrelationRules
from genesis_actors.domain.queueing import QueueRules
from genesis_actors.domain.tiers import AT_PAR, TierRules
from genesis_actors.notation import parse_decimal, parse_duration, parse_rate, parse_symbol
from genesis_actors.places import SOCKET_NAME, TOKEN_NAME, default_state_dir
from genesis_actors.values import OnDeadline, OnSlippage, Style, Symbol, TradingTier


class SettingsError(ValueError):
    """The settings cannot be used. The message names the file, the key and what was expected."""


class NotBuiltYetError(SettingsError):
    """A setting has its name already, but nothing heeds it yet. The message is the setting."""


_NOT_BUILT_YET: Final = {
    ("engine", "max_concurrent"),
}


MOST_SAMPLES: Final = 10_000
"""So many samples of a symbol a window of correlation may have: they are kept in memory."""


def _to_duration(value: object) -> object:
    if isinstance(value, (int, float)):
        raise ValueError(f'write it with its unit: "{value}s" or "{value}m"')  # noqa: TRY004
    return parse_duration(value) if isinstance(value, str) else value


def _to_rate(value: object) -> object:
    return parse_rate(value) if isinstance(value, str) else _no_float(value)


def _to_decimal(value: object) -> object:
    return parse_decimal(value) if isinstance(value, str) else _no_float(value)


def _no_float(value: object) -> object:
    if isinstance(value, float):
        raise ValueError(f'write it in quotes, "{value}": a bare number with a point is not exact')  # noqa: TRY004
    return value


def _longer_than_zero(duration: timedelta) -> timedelta:
    if duration <= timedelta(0):
        raise ValueError("a duration must be longer than zero")
    return duration


Duration = Annotated[timedelta, BeforeValidator(_to_duration), AfterValidator(_longer_than_zero)]
Rate = Annotated[Decimal, BeforeValidator(_to_rate), Field(ge=0, le=1)]
Share = Annotated[Decimal, BeforeValidator(_to_rate), Field(ge=0)]
Number = Annotated[Decimal, BeforeValidator(_to_decimal), Field(ge=0)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
RestrictedSymbol = Annotated[str, AfterValidator(parse_symbol)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class EngineSettings(_Section):
    mode: Literal["paper", "live"] = "paper"
    seed: Seed | None = None
    log: Literal["text", "json"] = "text"
    state_dir: Annotated[Path, AfterValidator(Path.expanduser)] = Field(
        default_factory=default_state_dir
    )


class StorageSettings(_Section):
    url: str = "sqlite+aiosqlite:///genesis.db"


class PaperSettings(_Section):
    """`activity` is how many times as much as usual each symbol trades: for trying things out in seconds."""

    seed: Seed | None = None
    latency: Annotated[timedelta, BeforeValidator(_to_duration)] = timedelta(milliseconds=50)
    activity: Annotated[int, Field(ge=1, le=1_000)] = 1


class ReplaySettings(_Section):
    symbol: str | None = None
    trades: Path | None = None
    book: Path | None = None
    depth: Path | None = None
    candles: Path | None = None
    market: Path | None = None
    start_at: AwareDatetime | None = None
    latency: Annotated[timedelta, BeforeValidator(_to_duration)] = timedelta(0)


class CcxtSettings(_Section):
    """One account at one exchange. `config` is handed to ccxt's constructor unchanged and deeply.

    `recv_window` and what follows it say how long nothing is proven after a request (see `domain.proof`).
    `cancel_all_after` is the exchange's own countdown, which takes back every order of the account, others' too.
    """

    exchange: str = "binance"
    sandbox: bool = False
    config: dict[str, Any] = Field(default_factory=dict, repr=False)
    secrets_file: Path | None = None
    websockets: bool = True
    poll_interval: Duration = timedelta(seconds=1)
    order_freshness: Duration = timedelta(seconds=2)
    trades_every: Duration = timedelta(seconds=30)
    outage_after: Duration = timedelta(seconds=15)
    request_timeout: Duration = timedelta(seconds=10)
    cancel_all_after: Duration | None = None
    recv_window: Annotated[Duration, Field(le=timedelta(seconds=60))] = timedelta(seconds=5)
    engine_timeout: Annotated[timedelta, BeforeValidator(_to_duration)] = timedelta(seconds=10)
    clock_error: Annotated[timedelta, BeforeValidator(_to_duration)] = timedelta(seconds=1)
    read_lag: Annotated[timedelta, BeforeValidator(_to_duration)] = timedelta(seconds=2)

    @model_validator(mode="after")
    def _check_countdown(self) -> Self:
        least = 2 * (self.outage_after + self.request_timeout)
        if self.cancel_all_after is not None and self.cancel_all_after < least:
            raise ValueError(
                f"cancel_all_after ({self.cancel_all_after}) must not be shorter than twice outage_after "
                f"and request_timeout together ({least}): our own handling of an outage comes first"
            )
        return self


class VenueSettings(_Section):
    kind: Literal["paper", "replay", "ccxt"] = "paper"
    paper: PaperSettings = PaperSettings()
    replay: ReplaySettings = ReplaySettings()
    ccxt: CcxtSettings = CcxtSettings()

    @property
    def name(self) -> str:
        """What a database is bound to: the kind, or the exchange and whether it is its sandbox."""
        if self.kind != "ccxt":
            return self.kind
        return f"{self.ccxt.exchange}{'-sandbox' if self.ccxt.sandbox else ''}"


class TwapSettings(_Section):
    min_duration: Duration = timedelta(minutes=5)
    max_duration: Duration = timedelta(minutes=30)
    slice_interval: Duration = timedelta(seconds=30)
    min_slice_interval: Duration = timedelta(seconds=5)
    max_slice_interval: Duration = timedelta(minutes=5)
    max_participation: Annotated[Rate, Field(gt=0)] = Decimal("0.10")
    early_completion_threshold: Rate = Decimal("0.002")
    volume_adaptivity: Rate = Decimal("0.5")
    jitter: Annotated[Rate, Field(lt=1)] = Decimal(0)
    catch_up_limit: Annotated[Number, Field(ge=1)] = Decimal(3)
    max_slippage_bps: Number | None = None
    on_slippage: OnSlippage = OnSlippage.PAUSE
    on_deadline: OnDeadline = OnDeadline.LEAVE
    max_quote_age: Duration = timedelta(seconds=10)
    quiet_share: Rate = Decimal("0.5")
    anomaly_multiple: Share = Decimal(4)

    @model_validator(mode="after")
    def _check_bounds(self) -> Self:
        for what in ("duration", "slice_interval"):
            least, most = getattr(self, f"min_{what}"), getattr(self, f"max_{what}")
            if least > most:
                raise ValueError(
                    f"min_{what} ({least}) must not be longer than max_{what} ({most})"
                )
        return self


class IcebergSettings(_Section):
    clips: Annotated[int, Field(ge=1, le=1000)] = 10
    clip_variation: Annotated[Rate, Field(lt=1)] = Decimal("0.2")
    min_pause: Duration = timedelta(seconds=1)
    max_pause: Duration = timedelta(seconds=5)

    @model_validator(mode="after")
    def _check_pauses(self) -> Self:
        if self.min_pause > self.max_pause:
            raise ValueError(
                f"min_pause ({self.min_pause}) must not be longer than max_pause ({self.max_pause})"
            )
        return self


class MarketSettings(_Section):
    price_collar_bps: Annotated[Number, Field(lt=10_000)] = Decimal(50)
    patience: Duration = timedelta(minutes=1)


class RiskSettings(_Section):
    price_collar_bps: Number = Decimal(10)
    max_order_notional: Number | None = None
    max_order_quantity: Annotated[Number, Field(gt=0)] | None = None
    max_orders_per_second: Annotated[int, Field(gt=0)] | None = 1_000
    max_deviation_bps: Number | None = Decimal(200)
    max_symbol_exposure: Number | None = None
    max_portfolio_exposure: Number | None = None
    max_correlated_exposure: Number | None = None
    correlation_warning: Rate = Decimal("0.60")
    correlation_critical: Annotated[Rate, Field(gt=0)] = Decimal("0.80")
    correlation_action: Literal["refuse", "scale"] = "refuse"
    correlation_least_value: Number = Decimal(100)
    correlation_window: Duration = timedelta(hours=4)
    correlation_interval: Duration = timedelta(minutes=1)
    correlation_min_samples: Annotated[int, Field(ge=2)] = 30
    correlation_prior_samples: Annotated[int, Field(ge=0)] = 10
    max_daily_loss: Annotated[Number, Field(gt=0)] | None = None
    restricted_symbols: tuple[RestrictedSymbol, ...] = ()
    allows_self_trades: bool = False
    max_open_executions: Annotated[int, Field(gt=0)] | None = None
    queue_ageing: Duration = timedelta(minutes=5)
    queue_expiry: Duration = timedelta(hours=1)

    @model_validator(mode="after")
    def _check_correlation(self) -> Self:
        if self.correlation_warning > self.correlation_critical:
            raise ValueError(
                f"correlation_warning ({self.correlation_warning}) must not be above "
                f"correlation_critical ({self.correlation_critical})"
            )
        samples = self.correlation_window // self.correlation_interval
        if not self.correlation_min_samples <= samples <= MOST_SAMPLES:
            raise ValueError(
                f"correlation_window has {samples} times correlation_interval in it, and must have "
                f"from correlation_min_samples ({self.correlation_min_samples}) to {MOST_SAMPLES}"
            )
        return self


class AccountSettings(_Section):
    """Tiers follow from equity. Without a `currency` it is USDT, or what a simulated venue's symbols are quoted in."""

    currency: Annotated[str, Field(pattern=r"^[A-Z0-9]{2,10}$")] | None = None
    hunter_equity: Number = Decimal(2_000)
    strategist_equity: Number = Decimal(10_000)
    tier_band: Annotated[Rate, Field(lt=1)] = Decimal("0.05")
    tier_override: TradingTier | None = None

    @model_validator(mode="after")
    def _check_thresholds(self) -> Self:
        if self.hunter_equity > self.strategist_equity:
            raise ValueError(
                f"hunter_equity ({self.hunter_equity}) must not be above "
                f"strategist_equity ({self.strategist_equity})"
            )
        return self


class ControlSettings(_Section):
    """The daemon's door: a Unix socket, and ports of this machine if they are named: for all, and for metrics alone."""

    socket: Annotated[Path, AfterValidator(Path.expanduser)] | None = None
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    token_file: Annotated[Path, AfterValidator(Path.expanduser)] | None = None
    metrics_port: Annotated[int, Field(ge=1, le=65535)] | None = None


class OnEventSettings(_Section):
    """Who is told what happens to executions: a program (an argument list, no shell), a webhook, or both.

    `types` are names of the journal's events. A program that takes longer than `timeout` is killed. The webhook's
    address may hold a secret, and counts as one.
    """

    program: tuple[str, ...] = ()
    webhook: SecretStr | None = None
    types: frozenset[str] = frozenset(
        {"TwapStarted", "TwapPaused", "TwapResumed", "TwapCompleted", "TwapEnded", "ChildUnknown"}
    )
    timeout: Duration = timedelta(seconds=10)

    @field_validator("webhook")
    @classmethod
    def _is_safe(cls, webhook: SecretStr | None) -> SecretStr | None:
        if webhook is not None:
            parts = urlsplit(webhook.get_secret_value())
            is_here = parts.hostname in {"127.0.0.1", "localhost", "::1"}
            if not parts.hostname or parts.scheme not in {"https", "http"}:
                raise ValueError("write an address that begins with https://")
            if parts.scheme == "http" and not is_here:
                raise ValueError("http:// only to this machine; others could read it: use https://")
        return webhook


class Settings(BaseSettings):
    """All settings. `Settings(twap={"max_duration": "60m"})` needs no file; `Settings.load(path)` reads one."""

    model_config = SettingsConfigDict(
        env_prefix="GENESIS_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
    )

    engine: EngineSettings = EngineSettings()
    storage: StorageSettings = StorageSettings()
    venue: VenueSettings = VenueSettings()
    twap: TwapSettings = TwapSettings()
    iceberg: IcebergSettings = IcebergSettings()
    market: MarketSettings = MarketSettings()
    risk: RiskSettings = RiskSettings()
    account: AccountSettings = AccountSettings()
    control: ControlSettings = ControlSettings()
    on_event: OnEventSettings = OnEventSettings()

    @model_validator(mode="after")
    def _check_override(self) -> Self:
        if self.account.tier_override is not None and self.engine.mode != "paper":
            raise ValueError(
                '[account] tier_override is for mode = "paper" alone: with real money the tier '
                "follows from the account's equity. Take it out, or change hunter_equity and "
                "strategist_equity"
            )
        return self

    if TYPE_CHECKING:  # What is written is not yet what is held.

        def __init__(self, **sections: Mapping[str, object] | BaseModel) -> None: ...

    @classmethod
    def load(cls, path: str | Path | None = None, **overrides: Mapping[str, object]) -> Settings:
        """Read the TOML file at `path` (defaults alone without one), and the environment over it.

        `overrides` are sections that win over both. Raises SettingsError with the file, the key and what was expected.
        """
        file = {} if path is None else _read(Path(path))
        if path is not None and _has_secrets(file):
            check_is_private(Path(path))
        _check_variables(list(cls.model_fields))

        class Loaded(cls):
            @classmethod
            def settings_customise_sources(
                cls,
                settings_cls: type[BaseSettings],
                init_settings: PydanticBaseSettingsSource,
                env_settings: PydanticBaseSettingsSource,
                dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the base class fixes the names
                file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
            ) -> tuple[PydanticBaseSettingsSource, ...]:
                return init_settings, env_settings, InitSettingsSource(settings_cls, file)

        try:
            return Loaded(**overrides)  # pyright: ignore[reportArgumentType]
        except ValidationError as error:
            raise _explained(error, path) from error
        except UnreadableVariable as error:
            # Only what has sections is read as JSON; its cause says what is wrong with it.
            raise SettingsError(f"environment: {error}: {error.__cause__}") from error

    @property
    def socket(self) -> Path:
        """Where the daemon's door is unless the command line or GENESIS_SOCKET says otherwise."""
        return self.control.socket or self.engine.state_dir / SOCKET_NAME

    @property
    def token_file(self) -> Path:
        return self.control.token_file or self.engine.state_dir / TOKEN_NAME

    def risk_limits(self) -> RiskLimits:
        return RiskLimits(
            max_order_quantity=self.risk.max_order_quantity,
            max_order_notional=self.risk.max_order_notional,
            max_deviation_bps=self.risk.max_deviation_bps,
            max_symbol_exposure=self.risk.max_symbol_exposure,
            max_portfolio_exposure=self.risk.max_portfolio_exposure,
            max_correlated_exposure=self.risk.max_correlated_exposure,
            correlation_warning=self.risk.correlation_warning,
            correlation_critical=self.risk.correlation_critical,
            correlation_least_value=self.risk.correlation_least_value,
            scales_correlated=self.risk.correlation_action == "scale",
            max_daily_loss=self.risk.max_daily_loss,
            max_orders_per_second=self.risk.max_orders_per_second,
            restricted_symbols=frozenset(map(Symbol, self.risk.restricted_symbols)),
            allows_self_trades=self.risk.allows_self_trades,
        )

    def correlation_rules(self) -> CorrelationRules:
        return CorrelationRules(
            window=self.risk.correlation_window,
            interval=self.risk.correlation_interval,
            min_samples=self.risk.correlation_min_samples,
            prior_samples=self.risk.correlation_prior_samples,
        )

    def tier_rules(self, quotes: Sequence[str] = ()) -> TierRules:
        """Return the tiers' rules; `quotes` are what a simulated venue's symbols are quoted in."""
        usual = TierRules().currency
        if quotes and not AT_PAR & set(quotes):
            usual = quotes[0]
        return TierRules(
            currency=self.account.currency or usual,
            hunter=self.account.hunter_equity,
            strategist=self.account.strategist_equity,
            band=self.account.tier_band,
            override=self.account.tier_override,
        )

    def queue_rules(self) -> QueueRules:
        return QueueRules(
            max_open=self.risk.max_open_executions,
            ageing=self.risk.queue_ageing,
            expiry=self.risk.queue_expiry,
        )

    def gate_limits(self) -> GateLimits:
        return GateLimits(
            max_orders_per_second=self.risk.max_orders_per_second,
            max_order_quantity=self.risk.max_order_quantity,
            max_order_notional=self.risk.max_order_notional,
        )

    def twap_defaults(self) -> TwapDefaults:
        return TwapDefaults(
            price_collar_bps=self.risk.price_collar_bps,
            max_order_quantity=self.risk.max_order_quantity,
            max_order_notional=self.risk.max_order_notional,
            style=Style.TAKER,
            iceberg=IcebergDefaults(**dict(self.iceberg)),
            market=SweepDefaults(**dict(self.market)),
            **{name: getattr(self.twap, name) for name in TwapSettings.model_fields},
        )


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise SettingsError(f"cannot read the settings file {path}: {error.strerror}") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path} is not valid TOML: {error}") from error
    except (UnicodeDecodeError, RecursionError) as error:
        raise SettingsError(f"{path} is not valid TOML: it cannot be read as text") from error


_SECRETS: Final = {"apikey", "secret", "password", "privatekey", "token", "uid", "twofa", "login"}


def _has_secrets(file: Mapping[str, Any]) -> bool:
    found: Any = file.get("on_event")
    if isinstance(found, dict) and cast("dict[str, Any]", found).get("webhook"):
        return True
    found = file
    for part in ("venue", "ccxt", "config"):
        found = cast("dict[str, Any]", found).get(part) if isinstance(found, dict) else None
    return isinstance(found, dict) and any(
        str(name).lower() in _SECRETS and value
        for name, value in cast("dict[Any, Any]", found).items()
    )


def check_is_private(path: Path) -> None:
    """Refuse a file with secrets that others may read."""
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        raise SettingsError(
            f"{path} holds secrets, and others may read it (mode {mode:04o}): "
            f"chmod 600 {path}, or give them as GENESIS_API_KEY and GENESIS_API_SECRET"
        )


def _check_variables(sections: list[str]) -> None:
    """Refuse GENESIS_X__Y of an unknown section: nobody else would, and it would be without effect."""
    for name in sorted(os.environ):
        if not name.upper().startswith("GENESIS_") or "__" not in name:
            continue
        section = name[len("GENESIS_") :].lower().partition("__")[0]
        if section not in sections:
            nearest = get_close_matches(section, sections, 1, 0) or sections[:1]
            raise SettingsError(
                f"environment: {name}: there is no section [{section}]; did you mean "
                f"GENESIS_{nearest[0].upper()}__...? There are {', '.join(sections)}"
            )


def _explained(error: ValidationError, path: str | Path | None) -> SettingsError:
    first = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in first["loc"])
    source = f"{path}: " if path is not None else ""
    if first["loc"] in _NOT_BUILT_YET:
        return NotBuiltYetError(f"{source}[{key}]")
    key = f"[{key}] " if key else ""  # Of several sections together there is none.
    return SettingsError(f"{source}{key}{first['msg'].removeprefix('Value error, ')}")
