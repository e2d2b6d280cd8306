"""Ccxt's unified markets, its tables of addresses, and the errors of exchanges that nobody described."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import ccxt.async_support as ccxt

from account_processors.dialect import unified
from account_processors.replies import Envelope, Row
from core.model.instrument import Instrument
from core.model.money import ZERO
from core.model.target import MAX_LEVERAGE

UNLIMITED = Decimal("1e12")
CODE_NAMES = ("sCode", "code", "retCode", "ret_code", "error_code", "err_code", "error", "label")
MESSAGE_NAMES = ("sMsg", "msg", "message", "retMsg", "error_message", "response", "error")


def error_envelope(body: object, error_of: Callable[[Row], tuple[str, str]] | None) -> Envelope:
    """What an error's body says; unified answers never come through here."""
    row = Row(body, "answer")
    code, message = error_of(row) if error_of else _innermost(row)
    return Envelope(code, message, body, ok=False)


def _innermost(row: Row) -> tuple[str, str]:
    """The code nearest to the order, wherever the exchange puts it."""
    found = [row]
    for inner in row.fields.values():
        if isinstance(inner, list) and inner and isinstance(inner[0], Mapping):
            found.insert(0, Row(inner[0], "answer"))
    codes = (one.optional_text(name) for one in found for name in CODE_NAMES)
    words = (one.optional_text(name) for one in found for name in MESSAGE_NAMES)
    return next((code for code in codes if code not in ("", "0")), ""), next((text for text in words if text), "")


def read_market(row: Row, precision_mode: int, market_limit_field: str) -> Instrument:
    """A market of ccxt as our rules; contract size and step must be told.

    Args:
        row: As ccxt unified it.
        precision_mode: Ccxt's way to write steps for the exchange.
        market_limit_field: Where the exchange itself writes the largest market order, empty where ccxt knows.
    """
    limits = row.row("limits")
    size = row.decimal("contractSize")
    told = row.row("precision").decimal("amount")
    step = (Decimal(1).scaleb(-int(told)) if precision_mode == ccxt.DECIMAL_PLACES else told) * size
    amounts = limits.row("amount")
    market_amounts = Row(limits.fields.get("market") or {}, "limits.market")
    told_limit = row.row("info").decimal(market_limit_field) if market_limit_field else None
    largest = told_limit or market_amounts.optional_decimal("max") or amounts.optional_decimal("max")
    smallest = amounts.optional_decimal("min")
    return Instrument(
        symbol=unified(row.text("base")),
        exchange_symbol=row.text("symbol"),
        lot_step=step,
        min_quantity=smallest * size if smallest else step,
        max_market_quantity=largest * size if largest else UNLIMITED,
        min_notional=Row(limits.fields.get("cost") or {}, "limits.cost").optional_decimal("min") or ZERO,
        max_leverage=Row(limits.fields.get("leverage") or {}, "limits.leverage").optional_decimal("max")
        or MAX_LEVERAGE,
        contract_size=size,
        tradable=row.fields.get("active") is not False,
    )


def addresses_at(table: object, base: str) -> Any:  # noqa: ANN401 - ccxt has no types
    """The same paths as in ccxt's table, at another base."""
    if isinstance(table, Mapping):
        return {name: addresses_at(inner, base) for name, inner in table.items()}
    path = "/" + "/".join(str(table).split("/")[3:])
    return base + path.rstrip("/")
