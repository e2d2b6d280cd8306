"""The engine's calls against the fewest possible, and the yardstick that its times are divided by."""

import asyncio
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from benchmarks.calls import count_calls
from benchmarks.tap import Asked
from benchmarks.yardstick import waves_of
from core.model.identity import CLIENT_ORDER_ID_LENGTH, AccountId, Symbol
from core.model.policy import AccountPolicy
from simulation.bare_world import RULES, World, live, weigh

IDLE_SECONDS, FULL_CHECK_SECONDS, CALLS_OF_A_CHECK = 600, 60, 3
SYMBOLS = [Symbol(f"C{number}USDT") for number in range(20)]


def test_no_action_costs_more_than_a_tenth_above_the_fewest_calls_and_idling_one_full_check_a_minute() -> None:
    counts, idle = count_calls(("BTCUSDT", "ETHUSDT", "SOLUSDT"), IDLE_SECONDS)

    assert {(count.exchange, count.action): count.ratio <= 1.1 for count in counts} == {
        (exchange, action): True
        for exchange in ("bybit", "blofin", "kucoin", "mexc")
        for action in ("open", "resize", "flip", "close")
    }
    for hour in idle:
        assert 0 < hour.full_checks <= IDLE_SECONDS / FULL_CHECK_SECONDS
        assert sum(hour.calls.values()) <= CALLS_OF_A_CHECK * hour.full_checks + 1  # the clock is measured now and then


def asked(method: str, path: str, began: float, ended: float, **params: object) -> Asked:
    return Asked("bybit::1", "bybit", path, ("private",), method, params, began, ended)


def order_id(text: str) -> str:
    return text.rjust(CLIENT_ORDER_ID_LENGTH, "0")


def test_the_yardstick_of_a_flip_reads_closes_reads_and_opens_and_proves_only_afterwards() -> None:
    wallet = asked("GET", "v5/account/wallet-balance", 0, 1)
    positions = asked("GET", "v5/position/list", 0, 1, settleCoin="USDT")
    closes = [
        asked("POST", "v5/order/create", 1, 2, symbol=symbol, orderLinkId=order_id(f"c{symbol}")) for symbol in "AB"
    ]
    look_ups = [asked("GET", "v5/order/realtime", 2, 3, symbol="A", orderLinkId=order_id("cA")) for _ in range(2)]
    proof = asked("GET", "v5/position/list", 2, 3, settleCoin="USDT")
    opens = [
        asked("POST", "v5/order/create", 3, 4, symbol=symbol, orderLinkId=order_id(f"o{symbol}")) for symbol in "AB"
    ]

    waves = waves_of([wallet, positions, *closes, *look_ups, proof, *opens])["bybit::1"]

    assert waves.reads == ((wallet, positions), (positions,))
    assert waves.orders == (tuple(closes), tuple(opens))
    assert waves.proofs == (look_ups[-1], positions, positions)


def test_side_by_side_takes_at_most_a_quarter_of_the_time_that_one_after_the_other_takes(tmp_path: Path) -> None:
    def seconds(symbols_at_once: int, *, is_in_turn: bool) -> float:
        taken: list[float] = []

        async def story(world: World) -> None:
            for exchange in world.exchanges.values():
                exchange.latency_seconds = 0.1
                for symbol in SYMBOLS:
                    exchange.rules[symbol] = replace(RULES[Symbol("BTCUSDT")], symbol=symbol)
                    exchange.prices[symbol] = Decimal(100)
            names = [symbol.removesuffix("USDT") for symbol in SYMBOLS]
            world.config.config = weigh(**dict.fromkeys(names, "0.05"))
            world.sources.say(**dict.fromkeys(names, "0.5"))  # type: ignore[arg-type]  # no coin is called source
            loop = asyncio.get_running_loop()
            began = loop.time()
            await world.executor.execute()
            if is_in_turn:
                for worker in world.workers:
                    await world.executor.process_account(worker)
            else:
                await asyncio.gather(*(world.executor.process_account(worker) for worker in world.workers))
            taken.append(loop.time() - began)
            assert [len(exchange.executed) for exchange in world.exchanges.values()] == [len(SYMBOLS)] * 4

        accounts = [AccountPolicy(AccountId(name), max_concurrent_symbols=symbols_at_once) for name in "abcd"]
        folder = tmp_path / str(symbols_at_once)
        folder.mkdir()
        live(folder, story, *accounts)
        return taken[0]

    side_by_side, in_turn = seconds(10, is_in_turn=False), seconds(1, is_in_turn=True)

    assert side_by_side <= 0.25 * in_turn
