"""The `paper` section of engine_config.json: the world in which the engine's paper accounts trade."""

from typing import Literal

from pydantic import Field

from config.schemas.fields import StrictModel


class PaperSettings(StrictModel):
    """Applies at the next start."""

    prices: Literal["walk", "live"] = Field(
        "walk",
        description="prices of paper accounts: a seeded walk, or a live exchange's public data (needs a network)",
    )
