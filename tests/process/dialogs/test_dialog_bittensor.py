"""`python3 signal_processors/bittensor_processor.py --config` at a terminal, byte for byte."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.process

COMMAND = "signal_processors/bittensor_processor.py --config"

SESSION = """\
Filtering thresholds
Enter min_trades (press Enter for current value: 10): ⟦20⟧
Enter max_drawdown_threshold (press Enter for current value: -0.5): ⟦⟧
Enter min_profitable_rate (press Enter for current value: 0.6): ⟦7⟧
min_profitable_rate: Input should be less than or equal to 1
Enter min_profitable_rate (press Enter for current value: 0.6): ⟦0.7⟧
Enter min_total_return (press Enter for current value: 0): ⟦⟧

Scoring weights
Enter drawdown_exponent (press Enter for current value: 6): ⟦⟧
Enter sharpe_exponent (press Enter for current value: 2): ⟦⟧
Enter profitable_rate_exponent (press Enter for current value: 5): ⟦⟧
Enter position_count_divisor (press Enter for current value: 5): ⟦⟧

Asset filtering
Enter min_trades_per_asset (press Enter for current value: 0): ⟦⟧
Enter max_trade_age_days (press Enter for current value: 14): ⟦⟧

Trading limits
Enter leverage_limit_crypto (press Enter for current value: 0.5): ⟦0.3⟧

Ranking
Enter mode (press Enter for current value: corrected): ⟦⟧

+--------------------------+-----------+-----------+
| field                    | value     | default   |
+--------------------------+-----------+-----------+
| min_trades               | 20        | 10        |
| max_drawdown_threshold   | -0.5      | -0.5      |
| min_profitable_rate      | 0.7       | 0.6       |
| min_total_return         | 0         | 0         |
| drawdown_exponent        | 6         | 6         |
| sharpe_exponent          | 2         | 2         |
| profitable_rate_exponent | 5         | 5         |
| position_count_divisor   | 5         | 5         |
| min_trades_per_asset     | 0         | 0         |
| max_trade_age_days       | 14        | 14        |
| leverage_limit_crypto    | 0.3       | 0.5       |
| mode                     | corrected | corrected |
+--------------------------+-----------+-----------+
Configuration saved to HOME/bittensor_processor_config.json; a running processor takes it up in its next cycle
"""


def test_thresholds_exponents_and_limits_are_asked_for_and_written(play: Callable[..., int], home: Path) -> None:
    assert play(COMMAND, SESSION) == 0

    saved = json.loads((home / "bittensor_processor_config.json").read_text())
    assert (saved["min_trades"], saved["min_profitable_rate"], saved["leverage_limit_crypto"]) == (20, 0.7, 0.3)
    assert len(saved) == 12


def test_giving_up_writes_nothing(play: Callable[..., int], home: Path) -> None:
    session = SESSION[: SESSION.index("Scoring weights")] + (
        "Scoring weights\nEnter drawdown_exponent (press Enter for current value: 6): ⟦^C⟧\n"
        "Given up. Nothing was written.\n"
    )

    assert play(COMMAND, session) == 1
    assert not (home / "bittensor_processor_config.json").exists()
