"""The questions about one pair's leverage and weights, whose sum never exceeds 1."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from config.dialog import Console, current_value_note, prompt_line, two_decimals
from core.model.failures import InvalidInput
from core.model.identity import SourceName, Symbol
from core.model.money import ONE, ZERO, finite_decimal, plain
from core.model.target import MAX_LEVERAGE, MIN_LEVERAGE

MOST_DECIMAL_PLACES = 8


class Pair:
    """One entry of signal_weight_config.json under edit; the operator's notes in it stay.

    Attributes:
        symbol: The unified symbol.
        leverage: None until a new pair was asked for it.
        weights: By source, in the order of the file; a source that is not there is off.
    """

    def __init__(self, symbol: Symbol, written: Mapping[str, Any] | None = None) -> None:
        self.symbol = symbol
        self._written = dict(written or {})
        self._shares = {share["source"]: share for share in self._written.get("sources", [])}
        leverage = self._written.get("leverage")
        self.leverage: Decimal | None = None if leverage is None else Decimal(leverage)
        self.weights = {SourceName(name): Decimal(share["weight"]) for name, share in self._shares.items()}

    @property
    def total(self) -> Decimal:
        """The sum of the weights."""
        return sum(self.weights.values(), ZERO)

    def written(self) -> dict[str, Any]:
        """The pair's entry of the file."""
        shares = [
            {**self._shares.get(source, {}), "source": source, "weight": weight}
            for source, weight in self.weights.items()
        ]
        return {**self._written, "symbol": self.symbol, "leverage": self.leverage, "sources": shares}


def ask_pair(console: Console, pair: Pair, sources: Sequence[SourceName]) -> None:
    """Ask for leverage, then for the weight of each source that maps the symbol, in the words of the README."""
    console.say(f"Configuring {pair.symbol}")
    shown = None if pair.leverage is None else plain(pair.leverage)
    prompt = prompt_line(f"Enter leverage for {pair.symbol}", current_value_note(shown))
    pair.leverage = console.ask(prompt, _or_current(read_leverage, pair.leverage))
    remaining = ONE
    for source in sources:
        remaining -= _ask_weight(console, pair, source, remaining)


def read_leverage(text: str) -> Decimal:
    """A whole number from 1 to 20.

    Raises:
        InvalidInput: If it is none.
    """
    if not (text.isascii() and text.isdecimal() and MIN_LEVERAGE <= Decimal(text) <= MAX_LEVERAGE):
        raise InvalidInput(f"Leverage must be a whole number from {MIN_LEVERAGE} to {MAX_LEVERAGE}.")
    return Decimal(text)


def read_weight(text: str) -> Decimal:
    """A number from 0 to 1 with at most 8 decimal places.

    Raises:
        InvalidInput: If it is none.
    """
    try:
        weight = finite_decimal(text, "weight")
    except InvalidInput:
        weight = None
    if weight is None or not ZERO <= weight <= ONE or weight != round(weight, MOST_DECIMAL_PLACES):
        raise InvalidInput(
            f"A weight is a number from 0 to 1, such as 0.15, with at most {MOST_DECIMAL_PLACES} decimals."
        )
    return weight.normalize() + ZERO


def mapped_pairs(mappings: Mapping[SourceName, Mapping[str, Symbol]]) -> dict[Symbol, list[SourceName]]:
    """Which sources map each unified symbol, in the order of the mappings."""
    pairs: dict[Symbol, list[SourceName]] = {}
    for source, entries in mappings.items():
        for symbol in entries.values():
            sources = pairs.setdefault(symbol, [])
            if source not in sources:
                sources.append(source)
    return pairs


def drop_unmapped(pairs: dict[Symbol, Pair], mapped: Mapping[Symbol, Sequence[SourceName]], console: Console) -> None:
    """Take out, and say, what no mapping leads to any more."""
    for symbol, pair in list(pairs.items()):
        if symbol not in mapped:
            del pairs[symbol]
            console.say(f"Removed {symbol}: no source maps to it any more. The engine closes what it holds of it.")
            continue
        for source, weight in list(pair.weights.items()):
            if source not in mapped[symbol]:
                del pair.weights[source]
                console.say(
                    f"Removed the weight {two_decimals(weight)} of {source} for {symbol}: it maps nothing to it."
                )


def _ask_weight(console: Console, pair: Pair, source: SourceName, remaining: Decimal) -> Decimal:
    """Ask for one weight and give the share that it takes."""
    current = pair.weights.get(source)
    prompt = prompt_line(
        f"Assign weight for {pair.symbol} from {source}",
        f"remaining weight: {two_decimals(remaining)}",
        current_value_note(None if current is None else two_decimals(current)),
    )

    def parse(answer: str) -> Decimal | None:
        weight = read_weight(answer) if answer else current
        if weight is not None and weight > remaining:
            kept = "" if answer else "The current value no longer fits. "
            raise InvalidInput(f"{kept}Only {two_decimals(remaining)} remains for {pair.symbol}.")
        return weight

    weight = console.ask(prompt, parse)
    if weight is None:
        return ZERO
    pair.weights[source] = weight
    return weight


def _or_current(read: Callable[[str], Decimal], current: Decimal | None) -> Callable[[str], Decimal]:
    def parse(answer: str) -> Decimal:
        return current if not answer and current is not None else read(answer)

    return parse
