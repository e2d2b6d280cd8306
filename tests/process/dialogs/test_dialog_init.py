"""`./engine init` at a terminal."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from commands.demo_services import ROOT
from config.history import ConfigHistory
from config.home import Home

pytestmark = pytest.mark.process

Play = Callable[..., int]

TRANSCRIPT = """\
A first set-up. Nothing is written before the end; Ctrl-C leaves everything as it is.

Paper or live
Paper: made-up exchanges, no key, no money. Live: your accounts; no order before ./engine arm.
Live accounts (y/n, press Enter for n)? ⟦⟧

Exchanges
Exchanges, separated by commas (press Enter for bybit, blofin, kucoin, mexc): ⟦okx⟧
okx is none of bybit, blofin, kucoin, mexc; others later with python3 config/credentials.py --more.
Exchanges, separated by commas (press Enter for bybit, blofin, kucoin, mexc): ⟦⟧

Signal sources
Follow the alerts of TradingView (y/n, press Enter for y)? ⟦⟧
Follow the signals of Bittensor SN8 (y/n, press Enter for n)? ⟦y⟧

Pairs
Pairs to trade, separated by commas (press Enter for BTCUSDT, ETHUSDT): ⟦⟧

Leverage and weights of the new pairs
Leverage from 1 to 20 (press Enter for 1): ⟦3⟧
Share of the account that tradingview may use for each (remaining weight: 1.00, press Enter for 0.10): ⟦⟧
Share of the account that bittensor may use for each (remaining weight: 0.90, press Enter for 0.15): ⟦⟧

A key for the webhook, so that nobody else can send alerts; live accounts need one
Make a key now (y/n, press Enter for y)? ⟦n⟧
Enter your API key for Bittensor SN8: ⟪⟫

Credentials:
+---------------+----------------+---------+------------+----------------+
| Account       | Mode           | API key | API secret | API passphrase |
+---------------+----------------+---------+------------+----------------+
| Bittensor SN8 | not configured |         |            |                |
| Bybit         | not configured |         |            |                |
| BloFin        | not configured |         |            |                |
| KuCoin        | not configured |         |            |                |
| MEXC          | not configured |         |            |                |
+---------------+----------------+---------+------------+----------------+
No account of your own: the engine trades on four paper exchanges.

Asset mappings:
+---------------+---------------+----------------+
| Signal source | Source symbol | Unified symbol |
+---------------+---------------+----------------+
| tradingview   | BTCUSDT       | BTCUSDT        |
|               | ETHUSDT       | ETHUSDT        |
| bittensor     | BTCUSD        | BTCUSDT        |
|               | ETHUSD        | ETHUSDT        |
+---------------+---------------+----------------+

Signal weights:
+---------+----------+---------------+--------+--------------+
| Symbol  | Leverage | Signal source | Weight | Total weight |
+---------+----------+---------------+--------+--------------+
| BTCUSDT | 3        | tradingview   | 0.10   | 0.25         |
|         |          | bittensor     | 0.15   |              |
| ETHUSDT | 3        | tradingview   | 0.10   | 0.25         |
|         |          | bittensor     | 0.15   |              |
+---------+----------+---------------+--------+--------------+
All symbols together: 0.50 (for information; the limit of 1.00 is per symbol)

Write all this (y/n, press Enter for y)? ⟦⟧
Written: HOME/asset_mapping_config.json
Written: HOME/signal_weight_config.json

The alert's message for TradingView:

{
  "symbol": "{{ticker}}",
  "action": "{{strategy.order.action}}",
  "market_position": "{{strategy.market_position}}",
  "market_position_size": "{{strategy.market_position_size}}",
  "prev_market_position": "{{strategy.prev_market_position}}",
  "prev_market_position_size": "{{strategy.prev_market_position_size}}",
  "size": "{{strategy.market_position_size}}/100",
  "price": "{{strategy.order.price}}",
  "order_id": "{{strategy.order.id}}",
  "timenow": "{{timenow}}"
}

Paste it into the Message field of an alert on a strategy, and the endpoint's public address with https into its
Webhook URL. Set the strategy's order size to contracts: a position of 100 is the whole allocation of the
source, 5.8 is 5.8 % of it. On the chart of a perpetual the ticker ends in .P: write "symbol": "BTCUSDT" there.

Next, each in its own terminal or as a pm2 service (README):
  python3 signal_endpoints/tradingview_endpoint.py
  python3 signal_processors/bittensor_processor.py
  python3 execute_trades.py

"""


def test_a_newcomer_is_led_to_a_paper_set_up_and_the_alert_to_paste(play: Play, home: Path) -> None:
    assert play("-m commands init --no-check", TRANSCRIPT) == 0
    assert json.loads((home / "signal_weight_config.json").read_text())[0] == {
        "symbol": "BTCUSDT",
        "leverage": 3,
        "sources": [{"source": "tradingview", "weight": 0.1}, {"source": "bittensor", "weight": 0.15}],
    }
    assert {version.author for version in ConfigHistory(Home(home)).versions()} == {"./engine init"}
    assert not (home / "credentials.json").exists()


def test_without_questions_it_writes_has_the_doctor_look_and_ends_with_what_to_paste(home: Path) -> None:
    environment = {**os.environ, "TRADE_ENGINE_HOME": str(home), "XDG_CONFIG_HOME": str(home.parent / "xdg")}
    command = (sys.executable, "-m", "commands", "init", "--paper", "--non-interactive", "--exchange", "bybit")

    ended = subprocess.run(  # noqa: S603 - our own command
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=100, check=False
    )

    assert ended.returncode == 0, ended.stderr
    written, looked, told = (
        ended.stdout.index(part) for part in ("Written: ", "bybit: paper", "The alert's message for TradingView")
    )
    assert written < looked < told
    assert '"key": "tek_' in ended.stdout[told:]
