from pathlib import Path

import pytest

from config.home import Home
from config.key_providers.provider import Surroundings

MAPPING = b"""{
    "tradingview": {
        "BTCUSDT": "BTCUSDT",
        "ETHUSDT": "ETHUSDT"
    },
    "bittensor": {
        "BTCUSD": "BTCUSDT",
        "ETHUSD": "ETHUSDT"
    }
}
"""
WEIGHTS = b"""[
    {
        "symbol": "BTCUSDT",
        "leverage": 3,
        "sources": [
            {"source": "tradingview", "weight": 0.1},
            {"source": "bittensor", "weight": 0.15}
        ]
    }
]
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture
def trading_home(home: Home) -> Home:
    home.asset_mapping.write_bytes(MAPPING)
    home.signal_weights.write_bytes(WEIGHTS)
    return home


@pytest.fixture
def around(home: Home, tmp_path_factory: pytest.TempPathFactory) -> Surroundings:
    """Nobody to ask, and a configuration folder outside the home."""
    return Surroundings(home, {"XDG_CONFIG_HOME": str(tmp_path_factory.mktemp("xdg"))})
