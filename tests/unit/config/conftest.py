from pathlib import Path

import pytest

from config.home import Home

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
