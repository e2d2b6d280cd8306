"""signal_weight_config.json: leverage and source weights per unified symbol."""

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, TypeAdapter, model_validator

from config.schemas.fields import Exact, SourceText, StrictModel, SymbolText, Whole
from config.schemas.reading import first_repeated, parse_model
from core.model.identity import SourceName, Symbol
from core.model.money import ONE, ZERO
from core.model.target import SourceWeight, SymbolWeights


class ShareModel(StrictModel):
    """The share of an account that one source may use as margin for the symbol."""

    source: SourceText = Field(description="a source, such as tradingview")
    weight: Exact = Field(ge=0, le=1, description="0..1; 0 switches the source off for this symbol")


class SymbolModel(StrictModel):
    """One traded symbol."""

    symbol: SymbolText = Field(description="the unified symbol, once in the file")
    leverage: Whole = Field(
        ge=1, le=20, description="whole, 1..20; the default and the cap: a signal may only lower it"
    )
    sources: list[ShareModel] = Field(description="each source once; the weights sum to at most 1")

    @model_validator(mode="after")
    def _check_sources(self) -> Self:
        repeated = first_repeated([share.source for share in self.sources])
        if repeated:
            raise ValueError(f"{self.symbol} names {repeated} twice")
        total: Decimal = sum((share.weight for share in self.sources), ZERO)
        if total > ONE:
            raise ValueError(f"the weights of {self.symbol} sum to {total}, more than 1")
        return self


def _check_symbols(entries: list[SymbolModel]) -> list[SymbolModel]:
    repeated = first_repeated([entry.symbol for entry in entries])
    if repeated:
        raise ValueError(f"{repeated} is given twice")
    return entries


WEIGHTS = TypeAdapter(Annotated[list[SymbolModel], AfterValidator(_check_symbols)])


def parse_weights(content: bytes, path: Path) -> tuple[SymbolWeights, ...]:
    """Weights in file order.

    Args:
        content: The file's bytes.
        path: For the error.

    Raises:
        core.model.failures.InvalidConfig: Naming field, value and remedy.
    """
    return tuple(
        SymbolWeights(
            Symbol(entry.symbol),
            entry.leverage,
            tuple(SourceWeight(SourceName(share.source), share.weight) for share in entry.sources),
        )
        for entry in parse_model(WEIGHTS, content, path)
    )
