"""What `./engine demo` trades: four paper accounts, two sources, three pairs, and the alerts it posts."""

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from config.files import PRIVATE_MODE, format_json, write_atomically
from config.home import Home
from paper.faults import Fault, FaultKind

SOURCE = "tradingview"
SN8_KEY = "made-sn8-key"
EXCHANGES = ("bybit", "blofin", "kucoin", "mexc")

MAPPINGS = {
    "tradingview": {"BTCUSDT": "BTCUSDT", "ETHUSDT": "ETHUSDT", "TAOUSDT": "TAOUSDT"},
    "bittensor": {"BTCUSD": "BTCUSDT", "ETHUSD": "ETHUSDT"},
}
WEIGHTS = [
    {"symbol": "BTCUSDT", "leverage": 3, "sources": [{"source": "tradingview", "weight": Decimal("0.5")}]},
    {
        "symbol": "ETHUSDT",
        "leverage": 3,
        "sources": [
            {"source": "tradingview", "weight": Decimal("0.5")},
            {"source": "bittensor", "weight": Decimal("0.25")},
        ],
    },
    {"symbol": "TAOUSDT", "leverage": 3, "sources": [{"source": "tradingview", "weight": Decimal("0.5")}]},
]


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert as TradingView would send it.

    Attributes:
        symbol: The source's symbol.
        direction: long, short or flat.
        action: buy or sell.
        size: A share such as 5.8/100, or the exit's words.
        depth: The depth it asks for.
        note: What a person should see happen.
        fault: What goes wrong on the way.
    """

    symbol: str
    direction: str
    action: str
    size: str
    depth: Decimal
    note: str
    fault: Fault | None = None

    def body(self, price: str) -> dict[str, str]:
        """The documented payload."""
        return {
            "symbol": self.symbol,
            "direction": self.direction,
            "action": self.action,
            "leverage": "3",
            "size": self.size,
            "priority": "high",
            "takeprofit": "0.0",
            "trailstop": "0.0",
            "price": price,
        }


ALERTS = (
    Alert("BTCUSDT", "long", "buy", "5.8/100", Decimal("0.058"), "long"),
    Alert("BTCUSDT", "long", "buy", "7.5/100", Decimal("0.075"), "long again, larger"),
    Alert("BTCUSDT", "flat", "sell", "Exit @ 65000.00", Decimal(0), "exit"),
    Alert(
        "BTCUSDT",
        "short",
        "sell",
        "-5.8/100",
        Decimal("-0.058"),
        "short; the answer to KuCoin's order gets lost",
        Fault(FaultKind.ANSWER_LOST, exchange="kucoin", endpoint="create_order"),
    ),
    Alert("BTCUSDT", "short", "sell", "-7.5/100", Decimal("-0.075"), "short again, larger"),
    Alert("BTCUSDT", "flat", "buy", "Exit @ 64000.00", Decimal(0), "exit"),
    Alert("ETHUSDT", "long", "buy", "60/100", Decimal("0.6"), "another pair, on top of the network's own depth"),
)


def write_defaults(folder: Path, sn8_port: int) -> Home:
    """A home of the demo's own: mappings, weights and the address of the made SN8 network.

    Args:
        folder: The home; nothing outside it is touched.
        sn8_port: Where the made network listens on loopback.
    """
    home = Home(folder)
    sn8 = {"api_key": SN8_KEY, "endpoint": f"http://127.0.0.1:{sn8_port}/miner-positions"}
    write_atomically(home.credentials, format_json({"bittensor_sn8": sn8}), PRIVATE_MODE)
    write_atomically(home.engine_settings, format_json({"metrics": {"is_enabled": False}}))
    write_atomically(home.asset_mapping, format_json(MAPPINGS))
    write_atomically(home.signal_weights, format_json(WEIGHTS))
    return home
