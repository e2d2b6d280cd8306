"""The real shell over several bare exchanges in virtual time."""

import asyncio
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from core.model.identity import AccountId, Symbol
from core.model.outcome import PassReport
from core.model.policy import AccountPolicy, OnForeignChange
from core.model.position import MarginMode, SymbolSettings
from core.model.target import Targets
from simulation.bare_exchange import SETTING_CAPABILITIES, BareExchange, Fault
from simulation.bare_world import RULES, World, live, weigh

BTC, ETH = Symbol("BTCUSDT"), Symbol("ETHUSDT")
D = Decimal
FOUR = [AccountPolicy(AccountId(name)) for name in ("bybit", "blofin", "kucoin", "mexc")]


async def follow(world: World, seconds: float) -> None:
    """Run the engine's own loop for a while."""
    await world.while_running(asyncio.sleep(seconds))


def held(world: World, symbol: Symbol = BTC) -> list[Decimal]:
    return [exchange.positions.get(symbol, D(0)) for exchange in world.exchanges.values()]


def test_one_signal_moves_every_account_once(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.sources.say(BTC="0.058")
        await follow(world, 300)

        assert held(world) == [D("0.034")] * 4  # 10,000 x 0.058 x 3 / 50,000 = 0.0348
        assert [len(exchange.executed) for exchange in world.exchanges.values()] == [1] * 4
        assert set(world.view.depths) == {"bybit", "blofin", "kucoin", "mexc"}

    live(tmp_path, story, *FOUR)


def test_a_hanging_exchange_delays_no_other(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.exchange.latency_seconds = 30
        world.sources.say(BTC="0.058")
        await follow(world, 2)

        assert held(world)[1:] == [D("0.034")] * 3

    live(tmp_path, story, *FOUR)


def test_a_failure_of_one_account_changes_nothing_for_the_others(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.exchange.inject("read", *[Fault.READ_FAILS] * 1000)
        world.sources.say(BTC="0.058", ETH="-0.1")
        await follow(world, 5)

        assert held(world) == [D(0), *[D("0.034")] * 3]
        assert held(world, ETH) == [D(0), *[D("-1.2")] * 3]
        assert set(world.view.depths) - {"bybit"} == {"blofin", "kucoin", "mexc"}

    live(tmp_path, story, *FOUR)


def test_an_order_in_the_queue_waits_for_answers_and_not_for_the_look_ups_and_reads_that_follow(tmp_path: Path) -> None:
    names = [f"C{number}" for number in range(30)]

    async def story(world: World) -> None:
        exchange, submit, sent_at = world.exchange, world.exchange.submit_order, []
        exchange.latency_seconds = 1.0

        async def timed_submit(intent):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
            sent_at.append(round(asyncio.get_running_loop().time()))
            return await submit(intent)

        exchange.submit_order = timed_submit  # type: ignore[method-assign]
        for name in names:
            symbol = Symbol(f"{name}USDT")
            exchange.rules[symbol] = replace(RULES[BTC], symbol=symbol)
            exchange.prices[symbol] = D(100)
            exchange.settings[symbol] = SymbolSettings(MarginMode.ISOLATED, D(3))
        exchange.capabilities = SETTING_CAPABILITIES
        world.config.config = weigh(**dict.fromkeys(names, "0.5"))
        world.sources.say(**dict.fromkeys(names, "0.1"))  # type: ignore[arg-type]  # no coin is called source
        await follow(world, 20)

        assert sent_at == [1] * 10 + [2] * 10 + [3] * 10
        assert len(exchange.executed) == 30

    live(tmp_path, story, AccountPolicy(AccountId("bybit")))


def test_between_close_and_open_of_a_flip_lies_one_round_trip(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        exchange, submit, sent_at = world.exchange, world.exchange.submit_order, []
        exchange.latency_seconds = 1.0

        async def timed_submit(intent):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
            sent_at.append(round(asyncio.get_running_loop().time()))
            return await submit(intent)

        exchange.submit_order = timed_submit  # type: ignore[method-assign]
        exchange.capabilities = SETTING_CAPABILITIES
        exchange.settings[BTC] = SymbolSettings(MarginMode.ISOLATED, D(3))
        world.sources.say(BTC="0.1")
        await follow(world, 10)
        world.sources.say(BTC="-0.1")
        await follow(world, 10)

        opened, closed, reopened = sent_at
        assert (opened, reopened - closed) == (1, 2)  # the close itself, then look-up and read side by side
        assert world.held() == D("-0.06")

    live(tmp_path, story, AccountPolicy(AccountId("bybit")))


def test_at_most_ten_symbols_are_worked_on_at_once_per_account(tmp_path: Path) -> None:
    names = [f"C{number}" for number in range(25)]

    async def story(world: World) -> None:
        most: dict[AccountId, int] = {}
        running: dict[AccountId, int] = {}

        def watch(exchange: BareExchange) -> None:
            account, find = exchange.account, exchange.find_order
            submit = exchange.submit_order

            async def counted_submit(intent):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
                running[account] = running.get(account, 0) + 1
                most[account] = max(most.get(account, 0), running[account])
                return await submit(intent)

            async def counted_find(symbol, client_order_id):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
                running[account] -= 1
                return await find(symbol, client_order_id)

            exchange.submit_order, exchange.find_order = counted_submit, counted_find  # type: ignore[method-assign]

        for exchange in world.exchanges.values():
            watch(exchange)
            for name in names:
                symbol = Symbol(f"{name}USDT")
                exchange.rules[symbol] = replace(RULES[BTC], symbol=symbol)
                exchange.prices[symbol] = D(100)
        world.config.config = weigh(**dict.fromkeys(names, "0.5"))
        world.sources.say(**dict.fromkeys(names, "0.1"))  # type: ignore[arg-type]  # no coin is called source
        await follow(world, 5)

        assert most == {policy.account: 10 for policy in FOUR}
        assert all(len(exchange.executed) == 25 for exchange in world.exchanges.values())

    live(tmp_path, story, *FOUR)


def test_a_merge_loads_the_configuration_once_and_all_accounts_work_on_one_version(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        given: list[Targets] = []
        for worker in world.workers:
            worker.hand_over = given.append  # type: ignore[method-assign, assignment]
        world.sources.say(BTC="0.058")

        assert await world.executor.execute()

        assert world.config.loads == 1
        assert len({id(targets) for targets in given}) == 1
        assert not await world.executor.execute()

    live(tmp_path, story, *FOUR)


def test_every_pass_is_confirmed_once(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        confirmed: list[AccountId] = []
        confirm = world.manager.confirm_execution

        async def counted(account, depths):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
            confirmed.append(account)
            await confirm(account, depths)

        world.manager.confirm_execution = counted  # type: ignore[method-assign]
        world.sources.say(BTC="0.058", ETH="0.1")
        await world.cycle()

        assert confirmed == [policy.account for policy in FOUR]

    live(tmp_path, story, *FOUR)


def test_a_newer_target_takes_the_place_of_a_pending_increase(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.exchange.latency_seconds = 1.0
        world.sources.say(BTC="0.1")
        stop = asyncio.Event()
        engine = asyncio.create_task(world.executor.run(stop))
        await asyncio.sleep(0.6)  # the first read is under way
        world.sources.say(BTC="0")
        await asyncio.sleep(60)
        stop.set()
        await engine

        assert world.exchange.executed == []
        assert world.held() == 0

    live(tmp_path, story)


def test_an_idle_engine_makes_one_full_check_a_minute_and_says_nothing(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.sources.say(BTC="0.058")
        await follow(world, 10)
        world.exchange.calls.clear()
        told = len(world.told.events)
        stop = asyncio.Event()
        engine = asyncio.create_task(world.executor.run(stop))
        await asyncio.sleep(3600)
        stop.set()
        await engine

        assert 58 <= world.exchange.calls.count("read") <= 62
        assert len(world.told.events) == told

    live(tmp_path, story)


def test_drift_is_repaired_without_a_new_signal_within_the_full_check(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.sources.say(BTC="0.1")
        await follow(world, 5)
        world.exchange.positions[BTC] = D("0.059")
        await follow(world, 70)

        assert world.held() == D("0.06")

    live(tmp_path, story, AccountPolicy(AccountId("bybit"), on_foreign_change=OnForeignChange.RESTORE))


def test_a_pass_that_fails_unexpectedly_is_told_and_tried_again(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        run_pass = world.workers[0].run_pass
        failures = iter([RuntimeError("a fault of ours")])

        async def fail_once() -> PassReport:
            for failure in failures:
                raise failure
            return await run_pass()

        world.workers[0].run_pass = fail_once  # type: ignore[method-assign]
        world.sources.say(BTC="0.058")
        await follow(world, 20)

        assert "pass failed unexpectedly" in world.told.names()
        assert held(world) == [D("0.034")] * 4

    live(tmp_path, story, *FOUR)


def test_an_engine_whose_accounts_were_all_left_out_runs_on_and_ends_when_asked(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.policies = []
        world.restart()
        world.sources.say(BTC="0.058")
        await follow(world, 20)

        assert world.config.loads > 10
        assert "merge failed unexpectedly" not in world.told.names()

    live(tmp_path, story)


def test_a_change_wakes_every_enabled_account_and_of_the_disabled_ones_only_those_that_hold_something_of_ours(
    tmp_path: Path,
) -> None:
    async def seconds_of_sleep(world: World, depth: str) -> list[float]:
        world.sources.say(BTC=depth)
        await world.executor.execute()
        loop = asyncio.get_running_loop()
        began, slept = loop.time(), list[float]()
        for worker in world.workers:
            await worker.wait_for_work()
            slept.append(round(loop.time() - began))
            began = loop.time()
        return slept

    async def story(world: World) -> None:
        bybit, blofin, *_ = world.workers
        blofin.policy = replace(blofin.policy, is_enabled=False)
        world.sources.say(BTC="0.1")
        await world.cycle()
        bybit.policy = replace(bybit.policy, is_enabled=False)

        assert await seconds_of_sleep(world, "0.2") == [0, 60, 0, 0]
        await world.cycle()
        assert held(world) == [D(0), D(0), D("0.12"), D("0.12")]
        assert await seconds_of_sleep(world, "0.1") == [60, 60, 0, 0]
        blofin.policy = replace(blofin.policy, is_enabled=True)
        assert await seconds_of_sleep(world, "0.2") == [60, 0, 0, 0]
        await world.cycle()
        assert held(world) == [D(0), D("0.12"), D("0.12"), D("0.12")]

    live(tmp_path, story, *FOUR)
