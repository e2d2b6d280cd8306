"""Names of things: accounts, symbols, sources, and the client order id derived from what an order means."""

import base64
import hashlib
import re
from dataclasses import dataclass
from typing import NewType

from core.model.failures import InvalidInput

Symbol = NewType("Symbol", str)
"""A unified symbol such as BTCUSDT: base coin and USDT, upper case, no separator."""

SourceName = NewType("SourceName", str)
"""The name of a signal source such as tradingview."""

ClientOrderId = NewType("ClientOrderId", str)
"""The id we give an order: at most 32 characters of [a-z0-9], valid on all four exchanges."""

INSTALLATION_TAG_LENGTH = 6
CLIENT_ORDER_ID_LENGTH = 32
NO_SPOT = "can be held neither short nor with leverage: only perpetuals are traded"
_SYMBOL = re.compile(r"[A-Z0-9]{2,30}")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_TAG = re.compile(r"[a-z0-9]{6}")


@dataclass(frozen=True, slots=True, order=True)
class AccountId:
    """One set of credentials on one exchange: `bybit`, or `bybit::main` where there are several."""

    exchange: str
    label: str = ""

    def __post_init__(self) -> None:
        _match(_NAME, self.exchange, "exchange")
        if self.label:
            _match(_NAME, self.label, "account label")

    @classmethod
    def parse(cls, key: str) -> "AccountId":
        """Read `exchange` or `exchange::label`.

        Raises:
            InvalidInput: If the key is neither.
        """
        exchange, separator, label = key.partition("::")
        if separator and not label:
            raise InvalidInput(f"account: {key!r} has an empty label; write exchange or exchange::label")
        return cls(exchange, label)

    def __str__(self) -> str:
        return f"{self.exchange}::{self.label}" if self.label else self.exchange


def parse_symbol(text: str) -> Symbol:
    """Read a unified symbol.

    Raises:
        InvalidInput: If it is not 2-30 characters of A-Z and 0-9; of a market in ccxt's writing, what it is and what to
            write instead.
    """
    base, is_foreign, rest = text.upper().partition("/")
    if is_foreign:
        what = "ccxt's writing of a contract" if ":" in rest else f"a spot market, which {NO_SPOT}"
        raise InvalidInput(f"symbol: {text!r} is {what}; write {base}USDT for the perpetual")
    return Symbol(_match(_SYMBOL, text, "symbol"))


def parse_source(text: str) -> SourceName:
    """Read a source's name.

    Raises:
        InvalidInput: If it is not 1-40 characters of a-z, 0-9, - and _.
    """
    return SourceName(_match(_NAME, text, "source"))


def derive_client_order_id(
    tag: str, epoch: str, account: AccountId, symbol: Symbol, decision: int, step: int
) -> ClientOrderId:
    """The id of one order, the same whenever it is derived for the same meaning.

    Args:
        tag: The installation's 6 characters, by which foreign engines are told apart.
        epoch: The journal's epoch, new after every restore, so that old ids are never met again.
        account: The account the order is for.
        symbol: The unified symbol.
        decision: The number of the decision that the order serves.
        step: Counts every order ever meant for the symbol, slices included.

    Returns:
        The tag and 26 characters of base32 (130 bits of SHA-256): 32 characters of [a-z0-9].
    """
    _match(_TAG, tag, "installation tag")
    meaning = "\x1f".join((epoch, str(account), symbol, str(decision), str(step)))
    digest = base64.b32encode(hashlib.sha256(meaning.encode()).digest()).decode().lower()
    return ClientOrderId(tag + digest[: CLIENT_ORDER_ID_LENGTH - INSTALLATION_TAG_LENGTH])


def _match(pattern: re.Pattern[str], text: str, field: str) -> str:
    if not pattern.fullmatch(text):
        raise InvalidInput(f"{field}: {text!r} does not match {pattern.pattern}")
    return text
