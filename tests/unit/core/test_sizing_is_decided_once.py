"""With constant signals and configuration no sequence of prices, profits and deposits causes an order."""

from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.model.identity import Symbol
from core.model.position import MarginMode, SymbolSettings
from core.ports.exchange import Capabilities
from simulation.bare_exchange import CAPABILITIES, SETTING_CAPABILITIES
from simulation.bare_world import World, live

BTC, ETH = Symbol("BTCUSDT"), Symbol("ETHUSDT")
DEPTH = st.decimals(min_value="-0.3", max_value="0.3", places=3)
MOVE = st.tuples(
    st.integers(min_value=1, max_value=400_000), st.integers(min_value=1, max_value=20_000), st.integers(-5, 1_000_000)
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(btc=DEPTH, eth=DEPTH, moves=st.lists(MOVE, min_size=1, max_size=6), restart=st.booleans())
def test_no_price_profit_or_deposit_moves_what_was_decided(
    btc: Decimal, eth: Decimal, moves: list[tuple[int, int, int]], restart: bool
) -> None:
    async def story(world: World) -> None:
        world.sources.say(BTC=str(btc), ETH=str(eth))
        await world.cycle()
        orders, held = len(world.exchange.executed), dict(world.exchange.positions)
        for btc_price, eth_price, equity in moves:
            world.exchange.prices |= {BTC: Decimal(btc_price), ETH: Decimal(eth_price)}
            world.exchange.equity = Decimal(equity)
            await world.cycle()
            world.sources.say(BTC=str(btc), ETH=str(eth))  # the same depths at a later time
            if restart:
                world.restart()
            await world.cycle()

        assert len(world.exchange.executed) == orders
        assert world.exchange.positions == held

    with TemporaryDirectory() as folder:
        live(Path(folder), story)


@pytest.mark.parametrize("capabilities", [CAPABILITIES, SETTING_CAPABILITIES])
def test_a_hundred_identical_cycles_and_a_restart_send_no_order_and_set_no_leverage(
    tmp_path: Path, capabilities: Capabilities
) -> None:
    async def story(world: World) -> None:
        world.exchange.capabilities = capabilities
        world.exchange.settings = dict.fromkeys((BTC, ETH), SymbolSettings(MarginMode.ISOLATED, Decimal(1)))
        world.sources.say(BTC="0.1", ETH="-0.1")
        await world.cycle()
        assert len(world.exchange.executed) == 2
        world.exchange.calls.clear()
        await world.cycle(50)
        world.restart()
        await world.cycle(50)

        assert set(world.exchange.calls) == {"read"}
        assert world.exchange.calls.count("read") == 100

    live(tmp_path, story)
