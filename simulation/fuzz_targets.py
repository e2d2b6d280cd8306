"""Every parser of bytes from outside: valid documents to spoil, and the refusals that it declares."""

import asyncio
import gzip
import json
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import apsw
import msgspec

from config.credentials_file import parse_credentials, parse_outline
from config.engine_settings_file import SettingsContents, parse_settings
from config.home import Home
from config.key_providers.provider import Surroundings
from config.schemas.mappings import parse_mappings
from config.schemas.weights import parse_weights
from core.decisions.fold_journal import apply
from core.model.events import OrderIntended
from core.model.failures import InvalidConfig, InvalidInput, StorageFailure
from core.model.identity import AccountId, ClientOrderId, SourceName, Symbol
from core.model.ledger import SymbolLedger
from core.model.order import OrderIntent, Side
from core.model.position import MarginMode
from core.model.signal import SourceFrame, SourceSignal, SourceStatus
from core.model.standing import Scope, SetStanding, Standing
from operations.journal_file import open_journal, read_only
from signal_processors.bittensor_payload import decode_payload, inflate
from signal_processors.depth_files import format_frame, parse_frame
from signal_processors.tradingview_alert import AlertBounds, parse_message
from signal_processors.tradingview_fields import AlertRefused
from simulation.cpu_limit import cpu_limit

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOME = Home(Path("/home-of-nobody"))
ACCOUNT, BTC = AccountId("bybit"), Symbol("BTCUSDT")


@dataclass(frozen=True, slots=True)
class Failure:
    """An input on which a parser did something that it does not declare."""

    content: bytes
    error: str


@dataclass(frozen=True, slots=True)
class ParserTarget:
    """One parser.

    Attributes:
        name: What the command calls it.
        documents: Valid inputs.
        parse: Reads one input.
        refusals: What it may raise.
    """

    name: str
    documents: tuple[bytes, ...]
    parse: Callable[[bytes], object]
    refusals: tuple[type[Exception], ...]

    def seeds(self) -> Sequence[bytes]:
        """Valid inputs."""
        return self.documents

    def first_failure(self, inputs: Iterable[bytes]) -> Failure | None:
        """The first input that ends otherwise than read or refused, None when none does."""
        for content in inputs:
            try:
                with cpu_limit():
                    self.parse(content)
            except self.refusals:
                continue
            except Exception as error:  # noqa: BLE001 - whatever else it raises is the finding
                return Failure(content, f"{type(error).__name__}: {str(error)[:200]}")
        return None


def _json(*values: object) -> tuple[bytes, ...]:
    return tuple(json.dumps(value).encode() for value in values)


_ALERT = {
    "symbol": "ETHUSDT", "direction": "long", "action": "buy", "leverage": "3", "size": "5.8/100", "price": "3328.25",
    "timenow": "2026-01-01T00:00:00Z", "time": 1767225600000, "signal_seq": 7, "event_id": "e1", "takeprofit": "1.5",
    "market_position": "long", "market_position_size": "0.5", "prev_market_position": "flat", "order_id": "Long",
}  # fmt: skip
_EXIT = {"symbol": "ETHUSDT", "direction": "flat", "action": "sell", "size": "Exit @ 3328", "leverage": "", "price": 1}
_FRAME = SourceFrame(
    source=SourceName("tradingview"), sequence=7, written_at=NOW, heartbeat_at=NOW, fetched_at=NOW,
    status=SourceStatus.OK, reason="", authenticated=True,
    signals=(
        SourceSignal(SourceName("tradingview"), "ETHUSDT", Decimal("0.058"), NOW, Decimal(3), Decimal(3328), "12"),
    ),
)  # fmt: skip
_POSITION = {
    "position_uuid": "u1", "open_ms": 1, "trade_pair": ["BTCUSD", "BTC/USD", 0.003, 0.01, 0.5],
    "orders": [{"order_type": "LONG", "leverage": 0.1, "price": 100000, "processed_ms": 1, "bid": None}],
    "is_closed_position": False, "net_leverage": 0.1, "current_return": 1, "return_at_close": 1.01, "close_ms": 0,
}  # fmt: skip
_MINER = {"thirty_day_returns": 1.1, "all_time_returns": 1.2, "positions": [_POSITION], "tier": 100}
_WEIGHTS = [
    {
        "symbol": "BTCUSDT",
        "leverage": 3,
        "sources": [{"source": "tradingview", "weight": 0.5}, {"source": "bittensor", "weight": 0.5}],
    },
]
_MAPPINGS = {"tradingview": {"BTCUSDT": "BTCUSDT"}, "bittensor": {"BTCUSD": ["BTCUSDT"], "_note": "x"}}
_CREDENTIALS = {
    "bybit": {"api_key": "k", "api_secret": "s", "mode": "live", "leverage_override": 3, "_note": "x"},
    "blofin": {"api_key": "k", "api_secret": "s", "api_passphrase": "p"},
    "bittensor_sn8": {"api_key": "k", "endpoint": "https://example.invalid"},
    "accounts": [{"exchange": "bybit", "label": "two", "api_key": "another", "api_secret": "s"}],
}
_SEALED = {
    "encryption": {"version": 1, "provider": "key_file", "key_id": "abcd", "parameters": {}},
    "bybit": {"api_key": "enc:v1:AAAA", "api_secret": "enc:v1:AAAAAAAAAAAAAAAA"},
}
_SETTINGS = {
    "poll_seconds": 1, "full_check_seconds": 60, "risk": {"max_symbol_notional_usd": 100.5},
    "sources": {"tradingview": {"min_depth_change_ratio": 0.05}}, "retries": {"first_delay_seconds": 1},
}  # fmt: skip


def _intent() -> OrderIntent:
    cid, reduce_only = ClientOrderId("a" * 32), False
    return OrderIntent(cid, ACCOUNT, BTC, Side.BUY, Decimal("0.5"), reduce_only, MarginMode.ISOLATED, Decimal(3), 1)


def _journal_documents() -> tuple[bytes, ...]:
    """A table's name, a line's end, and what stands in its row."""
    intended = OrderIntended(ACCOUNT, BTC, NOW, _intent())
    return (
        b"ledgers\n" + msgspec.json.encode(apply(SymbolLedger(ACCOUNT, BTC), intended)),
        b"frames\n" + msgspec.json.encode(_FRAME),
        b"standings\n" + msgspec.json.encode(SetStanding(Scope(), Standing.HALTED, "people", NOW, "")),
        b"meta\n17",
        b"events\n" + msgspec.json.encode(intended),
    )


_ROWS = {
    b"ledgers": "INSERT INTO ledgers VALUES ('bybit', 'BTCUSDT', CAST(? AS TEXT))",
    b"frames": "INSERT INTO frames VALUES ('tradingview', CAST(? AS TEXT))",
    b"standings": "INSERT INTO standings VALUES ('engine', CAST(? AS TEXT))",
    b"meta": "UPDATE meta SET value = CAST(? AS TEXT) WHERE key = 'last_command'",
    b"events": "INSERT INTO events VALUES (1, 'x', 'OrderIntended', 'bybit', 'BTCUSDT', CAST(? AS TEXT))",
}


def _read_journal(content: bytes) -> object:
    """A whole journal with one row of these bytes, as SQLite gives back whatever its pages hold."""
    table, _, payload = content.partition(b"\n")
    with TemporaryDirectory() as folder:
        path = Path(folder, "journal.db")
        path.write_bytes(_empty_journal())
        with closing(apsw.Connection(str(path))) as connection:
            connection.execute("PRAGMA synchronous=OFF")
            if table in _ROWS:
                connection.execute(_ROWS[table], (payload,))
        with read_only(path) as journal:
            return journal.history(ACCOUNT, BTC)


@cache
def _empty_journal() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder, "journal.db")
        open_journal(path, "ab" * 16, survives_power_loss=False).close()
        with closing(apsw.Connection(str(path))) as connection:
            connection.execute("PRAGMA journal_mode=DELETE")
        return path.read_bytes()


async def _read_payload(content: bytes) -> object:
    return await decode_payload(await inflate(content), frozenset({"BTCUSD"}))


def _read_credentials(content: bytes) -> object:
    parse_outline(content, HOME.credentials)
    return parse_credentials(content, HOME.credentials, Surroundings(HOME, {}))


def parser_targets() -> tuple[ParserTarget, ...]:
    """All parsers that need no conversation."""
    config = (InvalidConfig,)
    return (
        ParserTarget(
            "webhook", _json(_ALERT, _EXIT), lambda body: parse_message(body, AlertBounds(), NOW), (AlertRefused,)
        ),
        ParserTarget(
            "frame",
            (format_frame(_FRAME), json.dumps(json.loads(format_frame(_FRAME))).encode()),
            lambda content: parse_frame(content, HOME.depths(_FRAME.source)),
            (InvalidInput,),
        ),
        ParserTarget("journal", _journal_documents(), _read_journal, (StorageFailure,)),
        ParserTarget(
            "sn8",
            (*_json({"5abc": _MINER}, {"5abc": _MINER, "5def": _MINER}), gzip.compress(_json({"5abc": _MINER})[0])),
            lambda body: asyncio.run(_read_payload(body)),
            (InvalidInput,),
        ),
        ParserTarget("weights", _json(_WEIGHTS), lambda content: parse_weights(content, HOME.signal_weights), config),
        ParserTarget("mappings", _json(_MAPPINGS), lambda content: parse_mappings(content, HOME.asset_mapping), config),
        ParserTarget("credentials", _json(_CREDENTIALS, _SEALED), _read_credentials, config),
        ParserTarget(
            "settings",
            _json(_SETTINGS),
            lambda content: parse_settings(HOME, SettingsContents(content, ())),
            config,
        ),
    )
