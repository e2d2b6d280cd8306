"""What wakes a pass, what one reads, and what every account is given: the promises of the merge and of one cycle."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import FrozenInstanceError, replace
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

import execute_trades
from config.accounts import AccountMode, AccountSettings
from config.home import Home
from core.decisions.judge_source import JudgedSource
from core.decisions.merge_signals import Merge, merge_signals
from core.model.failures import InvalidInput
from core.model.identity import AccountId, SourceName, Symbol
from core.model.order import OrderIntent
from core.model.policy import AccountPolicy, OnForeignChange
from core.model.position import MarginMode, SymbolSettings
from core.model.reading import Known
from core.model.signal import SourceFrame, SourceSignal, SourceStatus
from core.model.target import SourceWeight, SymbolWeights, TradingConfig
from core.signal_manager import SignalManager
from core.trade_executor import TradeExecutor
from operations.committers import commit_inline
from operations.views import DepthViewFile
from signal_processors.depth_files import publish_frame
from simulation.bare_exchange import SETTING_CAPABILITIES, BareExchange
from simulation.bare_world import BTC, EPOCH, ETH, PRICES, RULES, TRADINGVIEW, ToldFacts, World, live, weigh
from simulation.virtual_time import VirtualClock, run_virtually

D = Decimal
BYBIT = AccountId("bybit")
OTHER = SourceName("bittensor")
FOUR = [AccountPolicy(AccountId(name)) for name in ("bybit", "blofin", "kucoin", "mexc")]
RESTORING = AccountPolicy(BYBIT, on_foreign_change=OnForeignChange.RESTORE)


def test_the_names_of_the_original_are_importable() -> None:
    assert vars(execute_trades)["TradeExecutor"] is TradeExecutor
    assert SignalManager.__module__ == "core.signal_manager"


def test_orders_to_four_exchanges_overlap_in_time(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        at: list[float] = []
        for exchange in world.exchanges.values():
            exchange.on_submit = lambda _: at.append(asyncio.get_running_loop().time())
        world.sources.say(BTC="0.1")
        stop = asyncio.Event()
        engine = asyncio.create_task(world.executor.run(stop))
        await asyncio.sleep(3)
        stop.set()
        await engine

        assert len(at) == 4
        assert max(at) - min(at) < world.exchange.latency_seconds

    live(tmp_path, story, *FOUR)


def test_a_later_time_of_the_same_depth_repairs_drift_and_orders_only_where_there_is_some(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.sources.say(BTC="0.1")
        await world.cycle()
        await asyncio.sleep(1)
        world.sources.say(BTC="0.1")
        assert await world.executor.execute()
        await world.executor.process_account(world.workers[0])
        assert len(world.exchange.executed) == 1
        world.exchange.positions[BTC] = D("0.05")
        for _ in range(2):
            await asyncio.sleep(10)
            world.sources.say(BTC="0.1")
            await world.cycle()

        assert world.held() == D("0.06")

    live(tmp_path, story, RESTORING)


def test_the_same_frame_and_a_new_price_or_record_are_no_update(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.sources.say(BTC="0.1")
        assert await world.executor.execute()
        assert not await world.executor.execute()
        reading = world.sources.frames[TRADINGVIEW]
        assert isinstance(reading, Known)
        (signal,) = reading.value.signals
        priced = replace(signal, price=D(7), record_id="another")
        world.sources.frames[TRADINGVIEW] = Known(
            replace(reading.value, sequence=9, signals=(priced,)), reading.read_at
        )
        assert not await world.executor.execute()
        lowered = replace(signal, leverage=D(2))
        world.sources.frames[TRADINGVIEW] = Known(
            replace(reading.value, sequence=10, signals=(lowered,)), reading.read_at
        )

        assert await world.executor.execute()

    live(tmp_path, story)


def test_previous_signals_are_compared_with_and_survive_a_restart(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.sources.say(BTC="0.1")
        await world.cycle()
        before = world.manager.previous_signals[TRADINGVIEW].signals
        world.restart()
        assert world.manager.previous_signals[TRADINGVIEW].signals == before
        world.sources.fall_silent()
        await world.cycle(3)

        assert (world.held(), len(world.exchange.executed)) == (D("0.06"), 1)

    live(tmp_path, story)


def weigh_two(second: str) -> TradingConfig:
    shares = (SourceWeight(TRADINGVIEW, D("0.5")), SourceWeight(OTHER, D(second)))
    mapping = {"BTCUSDT": BTC}
    return TradingConfig(f"two {second}", (SymbolWeights(BTC, D(3), shares),), {TRADINGVIEW: mapping, OTHER: mapping})


def test_only_sources_with_a_weight_are_read_and_one_added_later_counts_at_once(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        read: list[Sequence[SourceName]] = []
        marks = world.sources.frame_marks

        def count(sources: Sequence[SourceName]) -> tuple[object, ...]:
            read.append(tuple(sources))
            return marks(sources)

        world.sources.frame_marks = count  # type: ignore[method-assign]
        world.config.config = weigh_two("0")
        world.sources.say(BTC="0.2")
        world.sources.say(source=OTHER, BTC="0.2")
        await world.cycle()
        assert (world.held(), read[-1]) == (D("0.06"), (TRADINGVIEW,))
        world.config.config = weigh_two("0.5")
        await world.cycle()

        assert (world.held(), read[-1]) == (D("0.12"), (TRADINGVIEW, OTHER))

    live(tmp_path, story)


def test_a_pass_reads_the_value_once_for_twenty_symbols_and_sizes_all_on_it(tmp_path: Path) -> None:
    names = [f"C{number}" for number in range(20)]

    async def story(world: World) -> None:
        for name in names:
            symbol = Symbol(f"{name}USDT")
            world.exchange.rules[symbol] = replace(RULES[BTC], symbol=symbol)
            world.exchange.prices[symbol] = D(100)

        def enrich(_: object) -> None:
            world.exchange.equity += 1000

        world.exchange.on_submit = enrich
        world.config.config = weigh(**dict.fromkeys(names, "0.05"))
        world.sources.say(**dict.fromkeys(names, "0.5"))  # type: ignore[arg-type]  # no coin is called source
        await world.cycle()

        decisions = [ledger.decision for ledger in world.journal.ledgers(BYBIT)]
        assert world.exchange.value_reads == 1
        assert {decision.equity for decision in decisions if decision} == {D(10_000)}
        assert {order.quantity for order in world.exchange.executed} == {D("7.5")}

    live(tmp_path, story)


def test_leverage_is_set_before_the_first_order_and_only_where_it_differs(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        exchange = world.exchange
        exchange.capabilities = SETTING_CAPABILITIES
        exchange.settings = {
            BTC: SymbolSettings(MarginMode.ISOLATED, D(20)),
            ETH: SymbolSettings(MarginMode.ISOLATED, D(3)),
        }
        leverages: dict[Symbol, Decimal | None] = {}

        def note(order: OrderIntent) -> None:
            leverages.setdefault(order.symbol, exchange.settings[order.symbol].leverage)

        exchange.on_submit = note
        world.sources.say(BTC="0.1", ETH="0.1")
        await world.cycle()
        assert leverages == {BTC: D(3), ETH: D(3)}
        assert exchange.calls.count("set_leverage") == 1
        world.sources.say(BTC="0.2", ETH="0.2")
        await world.cycle()

        assert exchange.calls.count("set_leverage") == 1
        assert (world.held(BTC), world.held(ETH)) == (D("0.12"), D("2.4"))

    live(tmp_path, story)


def test_an_accounts_own_number_of_symbols_at_once_is_checked(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        del world

    with pytest.raises(InvalidInput, match="max_concurrent_symbols: 0 is below 1"):
        live(tmp_path, story, AccountPolicy(BYBIT, max_concurrent_symbols=0))


def test_what_workers_are_given_cannot_be_changed(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.sources.say(BTC="0.1")
        await world.executor.execute()
        targets = world.workers[0]._targets
        assert targets
        with pytest.raises(FrozenInstanceError):
            targets.version = 7  # type: ignore[misc]  # on purpose
        with pytest.raises(FrozenInstanceError):
            world.config.config.version = "x"  # type: ignore[misc]  # on purpose
        with pytest.raises(FrozenInstanceError):
            targets.by_symbol[BTC].depth = D(1)  # type: ignore[misc]  # on purpose

    live(tmp_path, story)


def test_a_damaged_view_of_depths_is_replaced_and_never_taken_for_flat(tmp_path: Path) -> None:
    path = tmp_path / "account_asset_depths.json"
    path.write_text('{"bybit": {"BTCUSDT"')

    async def story(world: World) -> None:
        world.manager._depth_view = DepthViewFile(path)
        world.sources.say(BTC="0.1")
        await world.cycle(2)
        assert len(world.exchange.executed) == 1

    live(tmp_path / "state", story)

    assert path.read_text() == '{\n    "bybit": {"BTCUSDT": 0.1}\n}\n'


def test_without_an_account_value_the_new_depth_is_not_confirmed(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.sources.say(BTC="0.1")
        await world.cycle()
        world.exchange.equity = D(0)
        world.sources.say(BTC="0.2")
        await world.cycle()

        assert world.view.depths == {"bybit": {"BTCUSDT": D("0.1")}}
        assert world.held() == D("0.06")

    live(tmp_path, story)


def test_merges_that_fail_are_told_and_the_accounts_go_on_with_what_they_have(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.sources.say(BTC="0.1")
        await world.cycle()
        failures = iter([InvalidInput("no file"), RuntimeError("a fault of ours")])

        def load() -> TradingConfig:
            for failure in failures:
                raise failure
            return world.config.config

        world.executor._config_source.load = load  # type: ignore[method-assign]
        world.exchange.positions[BTC] = D("0.05")
        stop = asyncio.Event()
        engine = asyncio.create_task(world.executor.run(stop))
        await asyncio.sleep(90)
        stop.set()
        await engine

        assert {"merge failed", "merge failed unexpectedly"} <= set(world.told.names())
        assert world.held() == D("0.06")

    live(tmp_path, story, RESTORING)


def test_sources_that_say_the_same_are_merged_once_and_a_merge_that_fails_is_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    merges: list[int] = []

    def merge(config: TradingConfig, judged: Mapping[SourceName, JudgedSource]) -> Merge:
        merges.append(1)
        if len(merges) == 1:
            raise InvalidInput("a fault")
        return merge_signals(config, judged)

    async def story(world: World) -> None:
        world.sources.say(BTC="0.1")
        with pytest.raises(InvalidInput):
            await world.executor.execute()
        assert [await world.executor.execute() for _ in range(3)] == [True, False, False]
        assert len(merges) == 2

    monkeypatch.setattr("core.signal_manager.merge_signals", merge)
    live(tmp_path, story)


@pytest.mark.parametrize(("written", "seconds"), [("{}", 0.5), ('{"poll_seconds": 2}', 2.0)])
def test_the_sources_are_looked_at_every_half_second_or_as_often_as_the_operator_wrote(
    tmp_path: Path, written: str, seconds: float
) -> None:
    (tmp_path / "asset_mapping_config.json").write_text('{"tradingview": {"BTCUSDT": "BTCUSDT"}}')
    (tmp_path / "signal_weight_config.json").write_text("[]")
    (tmp_path / "engine_config.json").write_text(written)
    looks: list[float] = []

    async def main() -> None:
        clock = VirtualClock(asyncio.get_running_loop())
        exchange = BareExchange(BYBIT, clock, dict(RULES), dict(PRICES))
        outside = execute_trades.World(clock, ToldFacts(), commit_inline, EPOCH, {BYBIT: exchange})
        engine = execute_trades.Engine(Home(tmp_path), [AccountSettings(BYBIT, AccountMode.PAPER)], outside)
        check = engine.manager.check_for_updates

        async def look(config: TradingConfig) -> object:
            looks.append(asyncio.get_running_loop().time())
            return await check(config)

        engine.manager.check_for_updates = look  # type: ignore[method-assign, assignment]
        stop = asyncio.Event()
        running = asyncio.create_task(engine.run(stop))
        await asyncio.sleep(10)
        stop.set()
        await running
        engine.close()

    run_virtually(main())

    assert len(looks) >= 5
    gaps = [after - before for before, after in pairwise(looks)]
    assert gaps == pytest.approx([seconds] * len(gaps), abs=0.01)


def test_the_engine_is_wired_to_the_two_files_and_one_signal_manager(tmp_path: Path) -> None:
    mappings, weights = tmp_path / "asset_mapping_config.json", tmp_path / "signal_weight_config.json"
    mappings.write_text('{"tradingview": {"BTCUSDT": "BTCUSDT"}}')
    shares = '[{"symbol": "BTCUSDT", "leverage": 3, "sources": [{"source": "tradingview", "weight": %s}]}]'
    weights.write_text(shares % "1")

    async def main() -> None:
        clock, home = VirtualClock(asyncio.get_running_loop()), Home(tmp_path)
        exchange = BareExchange(BYBIT, clock, dict(RULES), dict(PRICES))
        outside = execute_trades.World(clock, ToldFacts(), commit_inline, EPOCH, {BYBIT: exchange})
        engine = execute_trades.Engine(home, [AccountSettings(BYBIT, AccountMode.PAPER, is_armed=True)], outside)
        assert engine.executor._signal_manager is engine.manager
        now = clock.now()
        signal = SourceSignal(TRADINGVIEW, "BTCUSDT", D("0.1"), now)
        publish_frame(
            home,
            SourceFrame(TRADINGVIEW, 1, now, now, None, SourceStatus.OK, "", authenticated=True, signals=(signal,)),
        )
        for weight, held in (("1", "0.06"), ("0.5", "0.03")):
            weights.write_text(shares % weight)
            await engine.executor.execute()
            await engine.executor.process_account(engine.workers[0])
            assert exchange.positions[BTC] == D(held)
        engine.close()

    run_virtually(main())

    assert (tmp_path / "account_asset_depths.json").read_text() == '{\n    "bybit": {"BTCUSDT": 0.05}\n}\n'
