"""The `risk` section of engine_config.json: caps on what the engine may build up; None caps nothing."""

from decimal import Decimal
from typing import Annotated

from pydantic import Field

from config.schemas.fields import Exact, Span, StrictModel, SymbolText
from core.model.identity import Symbol
from core.model.risk import RiskLimits

UsdAmount = Annotated[Exact, Field(gt=0, le=1_000_000_000_000)]


class RiskSettings(StrictModel):
    """Caps on increases; a reduction passes every one of them."""

    max_order_notional_usd: UsdAmount | None = Field(None, description="largest value of one order, USDT")
    max_symbol_notional_usd: UsdAmount | None = Field(None, description="largest position of one symbol, USDT")
    max_account_notional_usd: UsdAmount | None = Field(None, description="largest sum of positions of an account, USDT")
    allowed_symbols: Annotated[list[SymbolText], Field(min_length=1)] | None = Field(
        None, description="the only symbols that may be increased"
    )
    max_depth: Exact = Field(Decimal(1), gt=0, le=1, description="largest merged depth")
    max_leverage: Exact | None = Field(None, ge=1, le=20, description="highest leverage")
    max_gross_leverage: Exact | None = Field(
        None, gt=0, le=20, description="largest sum of positions of an account, in account values"
    )
    max_increases_per_minute: int | None = Field(
        120, ge=1, le=10_000, description="how many increases an account may send in a minute"
    )
    max_quote_age_seconds: Span = Field(60.0, gt=0, le=3600, description="an older price sizes and opens nothing")
    max_spread_percent: Exact = Field(Decimal(5), gt=0, le=100, description="a wider bid and ask opens nothing")
    max_mark_gap_percent: Exact = Field(
        Decimal(10), gt=0, le=100, description="a last price further from the mark price sizes and opens nothing"
    )
    max_value_jump_percent: Exact = Field(
        Decimal(50), gt=0, le=1_000_000, description="a larger move of the account value waits for a second read"
    )
    max_daily_loss_percent: Exact | None = Field(
        None, gt=0, le=100, description="after a larger loss since midnight UTC the account may only reduce"
    )
    max_drawdown_percent: Exact | None = Field(
        None, gt=0, le=100, description="after a larger fall from its peak the account may only reduce"
    )

    target_volatility_percent: Exact | None = Field(
        None,
        gt=0,
        le=1000,
        description="a symbol that moves more than this in a day is held smaller in proportion; entries wait until "
        "half an hour of prices has been seen, also after a restart",
    )

    @property
    def limits(self) -> RiskLimits:
        """What core.decisions.check_risk needs."""
        return RiskLimits(
            allowed_symbols=frozenset(map(Symbol, self.allowed_symbols)) if self.allowed_symbols else None,
            max_depth=self.max_depth,
            max_leverage=self.max_leverage,
            max_order_notional=self.max_order_notional_usd,
            max_symbol_notional=self.max_symbol_notional_usd,
            max_account_notional=self.max_account_notional_usd,
            max_gross_leverage=self.max_gross_leverage,
            max_increases_per_minute=self.max_increases_per_minute,
            max_quote_age_seconds=self.max_quote_age_seconds,
            max_spread_percent=self.max_spread_percent,
            max_mark_gap_percent=self.max_mark_gap_percent,
            max_value_jump_percent=self.max_value_jump_percent,
            max_daily_loss_percent=self.max_daily_loss_percent,
            max_drawdown_percent=self.max_drawdown_percent,
            target_volatility_percent=self.target_volatility_percent,
        )
