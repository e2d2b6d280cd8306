"""Margin mode and leverage are as the engine wants them before the first order, and set only where they differ."""

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

from core.model.position import MarginMode
from paper.account import Leg
from simulation.virtual_time import run_virtually
from simulation.whole_world import EXCHANGES, Plan, WholeWorld

BITCOIN = {"bybit": "BTCUSDT", "blofin": "BTC-USDT", "kucoin": "XBTUSDTM", "mexc": "BTC_USDT"}
ETHER = {"bybit": "ETHUSDT", "blofin": "ETH-USDT", "kucoin": "ETHUSDTM", "mexc": "ETH_USDT"}
SET = {"bybit": ["leverage"], "blofin": ["leverage"], "kucoin": ["margin_mode"], "mexc": []}
"""What is a setting of the symbol; the rest goes with every order."""


def spoil(world: WholeWorld, name: str) -> None:
    """Another leverage and, where it belongs to the symbol, cross margin for bitcoin; ether as the engine wants it."""
    venue, account = world.house.exchanges[name], world.house.account(name)
    for symbol, leverage in ((BITCOIN[name], Decimal(7)), (ETHER[name], Decimal(3))):
        if venue.leverage(account, symbol, MarginMode.ISOLATED, Leg.NET) != leverage:
            venue.set_leverage(account, symbol, leverage, MarginMode.ISOLATED, Leg.NET)
    if name == "kucoin":
        venue.set_margin_mode(account, MarginMode.CROSS, BITCOIN[name])


@pytest.mark.parametrize("name", EXCHANGES)
def test_settings_that_differ_are_set_once_before_the_first_order_and_the_others_never(
    tmp_path: Path, name: str
) -> None:
    async def main() -> WholeWorld:
        world = WholeWorld(tmp_path, Plan(symbols=("BTCUSDT", "ETHUSDT"), network_symbols=(), exchanges=(name,)))
        async with world.running():
            spoil(world, name)
            spoiled = len(world.house.ledger.entries("setting"))
            for depth in ("0.1", "0.2", "-0.1"):
                for symbol in ("BTCUSDT", "ETHUSDT"):
                    assert (await world.alert(symbol, Decimal(depth))).status == 200
                await asyncio.sleep(10)
            held = list(world.house.account(name).positions.values())
            assert [(row.key.margin_mode, row.leverage) for row in held] == [(MarginMode.ISOLATED, Decimal(3))] * 2
        first_orders = {
            str(order.facts["symbol"]): order.number for order in reversed(world.house.ledger.entries("order"))
        }
        made = world.house.ledger.entries("setting")[spoiled:]
        assert set(first_orders) == {BITCOIN[name], ETHER[name]}
        assert [(str(one.facts["name"]), one.facts["symbol"]) for one in made] == [
            (s, BITCOIN[name]) for s in SET[name]
        ]
        assert all(one.number < first_orders[BITCOIN[name]] for one in made)
        return world

    run_virtually(main())
