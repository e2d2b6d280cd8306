"""The `risk` section of engine_config.json: caps on what the engine may build up; None caps nothing."""

from typing import Annotated

from pydantic import Field

from config.schemas.fields import Exact, StrictModel

UsdAmount = Annotated[Exact, Field(gt=0, le=1_000_000_000_000)]


class RiskSettings(StrictModel):
    """Caps on increases; a reduction passes every one of them."""

    max_order_notional_usd: UsdAmount | None = Field(None, description="largest value of one order, USDT")
    max_symbol_notional_usd: UsdAmount | None = Field(None, description="largest position of one symbol, USDT")
    max_account_notional_usd: UsdAmount | None = Field(None, description="largest sum of positions of an account, USDT")
