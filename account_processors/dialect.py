"""What one exchange says and how: everything that differs between exchanges, and nothing that they share."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, ClassVar

from account_processors.books import Book
from account_processors.closings import Closing
from account_processors.instruments import Listing, Unnameable
from account_processors.limiter import Budget, Lane
from account_processors.orders import base_quantity
from account_processors.outcomes import CodeTable
from account_processors.replies import Envelope, MalformedReply, Row
from core.model.failures import InvalidInput
from core.model.identity import ClientOrderId, Symbol, parse_symbol
from core.model.instrument import Instrument
from core.model.order import OrderIntent, OrderReport
from core.model.position import MarginMode, Position, Quote
from core.ports.exchange import SymbolSettings

if TYPE_CHECKING:
    from account_processors.ccxt_client import CcxtClient
    from account_processors.passport import Finding

ONE_WAY_REMEDY = "switch the account to one-way mode while it is flat, or run ./engine doctor --apply"
HELD_TWICE = f"held in two positions at once (both sides, or both margin modes): close one; {ONE_WAY_REMEDY}"

RETRY_AFTER_SECONDS = "seconds"
RESET_MILLISECONDS = "milliseconds"
RESET_EPOCH_MILLISECONDS = "epoch milliseconds"


@dataclass(frozen=True, slots=True)
class Call:
    """One kind of request.

    Attributes:
        method: GET or POST.
        api: The section of ccxt's endpoint table, which chooses host and signature.
        path: The path as ccxt's table has it.
        budgets: The budgets it draws from.
        weight: How much of each.
        lane: Which lane it travels in.
        is_signed: Whether it carries a signature, and so the exchange's time.
    """

    method: str
    api: tuple[str, ...]
    path: str
    budgets: tuple[str, ...]
    weight: float = 1.0
    lane: Lane = Lane.ORDINARY
    is_signed: bool = True


@dataclass(frozen=True, slots=True)
class Profile:
    """One exchange as data.

    Attributes:
        name: The name that accounts use.
        ccxt_id: The ccxt class.
        receive_window_seconds: How long after its timestamp the exchange still takes a request.
        leverage_in_order: Whether leverage is a field of the order.
        margin_mode_in_order: Whether the margin mode is a field of the order.
        needs_passphrase: Whether a key has three parts.
        codes: What each of its codes proves.
        budgets: Its published limits.
        options: ccxt's options for the class.
        ban_codes: Codes that mean that the address is banned for a while.
        key_names: What ccxt calls the parts of a key; an empty name is not asked for.
        repeats_closes: Whether a close without an answer is sent again under its own id, see `Capabilities`.
        reset_headers: Headers that say when a limit ends, in lower case, and their unit.
        is_witnessed: Whether the texts of answers are kept for who asked, as ccxt's unified methods need.
    """

    name: str
    ccxt_id: str
    receive_window_seconds: float
    leverage_in_order: bool
    margin_mode_in_order: bool
    needs_passphrase: bool
    codes: CodeTable
    budgets: tuple[Budget, ...]
    options: Mapping[str, object] = field(default_factory=dict)
    ban_codes: frozenset[str] = frozenset()
    key_names: tuple[str, str, str] = ("apiKey", "secret", "password")
    repeats_closes: bool = False
    reset_headers: tuple[tuple[str, str], ...] = (("retry-after", RETRY_AFTER_SECONDS),)
    is_witnessed: bool = False


@dataclass(frozen=True, slots=True)
class AccountValue:
    """What an account is worth in USDT, in the two parts that mean the same on every exchange.

    Attributes:
        wallet: Deposits, realised profit, fees and funding, margin in use included, bonus left out.
        unrealized_profit: Of open USDT perpetuals.
    """

    wallet: Decimal
    unrealized_profit: Decimal


class Dialect(ABC):
    """How one exchange is asked. Every method raises CallFailed or MalformedReply; the caller decides what that means.

    Args:
        client: The signed connection of one account.
    """

    profile: ClassVar[Profile]

    def __init__(self, client: "CcxtClient") -> None:
        self._client = client

    @staticmethod
    @abstractmethod
    def envelope(body: object) -> Envelope:
        """Unwrap an answer, good or bad."""

    @staticmethod
    @abstractmethod
    def urls(base: str) -> Mapping[str, object]:
        """The table of addresses of ccxt with every host replaced by one base address."""

    @abstractmethod
    async def ask_time(self) -> datetime:
        """The exchange's clock."""

    @abstractmethod
    async def list_instruments(self) -> Listing:
        """Everything listed."""

    @abstractmethod
    async def read_value(self) -> AccountValue:
        """What the account is worth."""

    @abstractmethod
    async def read_positions(self, listing: Listing) -> dict[Symbol, Position]:
        """All open positions in USDT perpetuals, paged to the end."""

    @abstractmethod
    async def read_quotes(self, instruments: Sequence[Instrument]) -> dict[str, Quote]:
        """Prices by the exchange's own symbol, at least of the instruments asked for that it quotes."""

    @abstractmethod
    async def send(self, intent: OrderIntent, instrument: Instrument, amount: Decimal) -> str:
        """Send one market order of an amount in the exchange's unit; its id for it."""

    @abstractmethod
    async def find(self, instrument: Instrument, client_order_id: ClientOrderId) -> OrderReport | None:
        """One order by our id, None when the exchange proves that it knows none."""

    @abstractmethod
    async def cancel(self, instrument: Instrument, client_order_id: ClientOrderId) -> None:
        """Cancel one order by our id."""

    @abstractmethod
    async def read_book(self, instrument: Instrument) -> Book:
        """The best levels of the order book."""

    @abstractmethod
    async def recent_client_ids(self, instrument: Instrument) -> list[str]:
        """The client ids of the newest orders, newest first, empty ones included."""

    async def closings(self, instrument: Instrument) -> list[Closing]:
        """The newest executions of a symbol, whoever caused them; an exchange that names no cause has none to tell."""
        del instrument
        raise MalformedReply("it is not asked why a position became smaller")

    @abstractmethod
    async def read_settings(self, instrument: Instrument) -> SymbolSettings:
        """Margin mode and leverage, None where they are fields of the order."""

    @abstractmethod
    async def set_leverage(self, instrument: Instrument, leverage: Decimal, margin_mode: MarginMode) -> None:
        """Set the leverage in the exchange's own scope."""

    @abstractmethod
    async def set_margin_mode(self, instrument: Instrument, margin_mode: MarginMode) -> None:
        """Set the symbol's margin mode.

        Raises:
            CallFailed: With MARGIN_MODE_MISMATCH where the scope is wider than a symbol; nothing is then sent.
        """

    @abstractmethod
    async def inspect(self) -> list["Finding"]:
        """What the exchange says about the key and the account's modes."""

    async def apply(self, remedy: str) -> None:
        """Change an account-wide setting that a finding named as its remedy; only the operator asks for that."""
        raise NotImplementedError(remedy)


def unified(base_coin: str) -> Symbol:
    """The unified symbol of a USDT perpetual of a coin.

    Raises:
        Unnameable: If the coin's name has other characters than letters and digits, or too many.
    """
    try:
        return parse_symbol(f"{base_coin}USDT".upper())
    except InvalidInput as error:
        raise Unnameable(str(error)) from None


def positions_of(
    rows: Iterable[Row],
    names: tuple[str, str, str],
    listing: Listing,
    amount_of: Callable[[Row], Decimal],
    mode_of: Callable[[Row], MarginMode | None] = lambda _: None,
) -> dict[Symbol, Position]:
    """The open positions among an exchange's rows; rows of nothing and of what is not ours to read are left out.

    A second position of a symbol (its other side in hedge mode, or the other margin mode) leaves that symbol unclear.

    Args:
        rows: One per position.
        names: Where the exchange's symbol, the entry price and the unrealized profit stand.
        listing: What is listed.
        amount_of: The signed size in the exchange's unit.
        mode_of: The position's own margin mode, None where the row does not tell it.

    Raises:
        MalformedReply: If a row cannot be read, or names something that was never listed.
    """
    symbol, entry_price, profit = names
    positions: dict[Symbol, Position] = {}
    for row in rows:
        amount = amount_of(row)
        instrument = listing.instrument_of(row.text(symbol)) if amount else None
        if instrument is None:
            continue
        if instrument.symbol in positions:
            positions[instrument.symbol] = replace(positions[instrument.symbol], unclear=HELD_TWICE)
            continue
        positions[instrument.symbol] = Position(
            instrument.symbol,
            base_quantity(amount, instrument),
            mode_of(row),
            row.optional_decimal(entry_price),
            row.optional_decimal(profit),
        )
    return positions


def quotes_of(
    rows: Iterable[Row], name_field: str, instruments: Sequence[Instrument], read: Callable[[Row], Quote]
) -> dict[str, Quote]:
    """The quotes of the instruments asked for, by the exchange's names; one that cannot be read is left out alone.

    Raises:
        MalformedReply: If a row has no name.
    """
    wanted = {instrument.exchange_symbol for instrument in instruments}
    quotes: dict[str, Quote] = {}
    for row in rows:
        name = row.text(name_field)
        if name in wanted:
            with suppress(MalformedReply, InvalidInput):
                quotes[name] = read(row)
    return quotes


def quote_of(row: Row, at: datetime, last: str, bid: str, ask: str, mark: str = "") -> Quote:
    """A quote from the named fields; a side that is empty or zero is not told."""
    return Quote(
        last=row.decimal(last),
        at=at,
        bid=row.optional_decimal(bid) or None,
        ask=row.optional_decimal(ask) or None,
        mark=(row.optional_decimal(mark) or None) if mark else None,
    )
