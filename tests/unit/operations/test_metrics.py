import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.model.standing import Verb
from operations.metrics import Metrics
from operations.wall_clock import WallClock
from simulation.bare_exchange import Fault
from simulation.measured_world import MeasuredWorld, live_measured

ROOT = Path(__file__).parents[3]
PREFIX = "trade_engine_"


def test_a_trade_is_counted_from_its_decision_to_its_confirmation(tmp_path: Path) -> None:
    async def story(world: MeasuredWorld) -> None:
        world.sources.say(BTC="0.1")
        await world.cycle()
        seen = world.scrape()

        assert seen["trade_engine_decisions_total{account=bybit}"] == 1
        assert seen["trade_engine_orders_settled_total{account=bybit,kind=increase}"] == 1
        assert seen["trade_engine_confirmations_total{account=bybit}"] == 1
        assert seen["trade_engine_convergence_seconds_count{account=bybit}"] == 1
        assert 0.05 < seen["trade_engine_convergence_seconds_sum{account=bybit}"] < 2
        assert seen["trade_engine_exchange_calls_total{account=bybit,call=submit_order,result=ok}"] == 1
        assert seen["trade_engine_passes_total{account=bybit}"] == 1
        assert seen["trade_engine_pass_seconds_count{account=bybit}"] == 1
        assert seen["trade_engine_journal_commit_seconds_count"] == world.journal.commits
        assert seen["trade_engine_events_total{event=target decided,service=trade-engine}"] == 1

        world.sources.say(BTC="0")
        await world.cycle()
        assert world.scrape()["trade_engine_orders_settled_total{account=bybit,kind=reduction}"] == 1

    live_measured(tmp_path, story)


@pytest.mark.parametrize(
    ("fault", "sample"),
    [
        (Fault.REFUSED, "orders_refused_total{account=bybit,reason=insufficient_margin}"),
        (Fault.ANSWER_LOST, "orders_unknown_total{account=bybit}"),
        (Fault.ORDER_NEVER_ARRIVES, "orders_unknown_total{account=bybit}"),
        (Fault.REFUSED, "exchange_calls_total{account=bybit,call=submit_order,result=refused}"),
        (Fault.ANSWER_LOST, "exchange_calls_total{account=bybit,call=submit_order,result=unknown}"),
    ],
)
def test_a_fault_moves_its_own_counter(fault: Fault, sample: str, tmp_path: Path) -> None:
    async def story(world: MeasuredWorld) -> None:
        world.exchange.inject("submit", fault)
        world.sources.say(BTC="0.1")
        await world.cycle()

        assert world.scrape()[f"{PREFIX}{sample}"] == 1

    live_measured(tmp_path, story)


def test_an_order_in_flight_shows_its_age_until_it_is_settled(tmp_path: Path) -> None:
    async def story(world: MeasuredWorld) -> None:
        world.exchange.inject("submit", Fault.ANSWER_LOST)
        world.exchange.inject("find", *[Fault.LOOKUP_FAILS] * 20)
        world.sources.say(BTC="0.1")
        await world.cycle()
        seen = world.scrape()
        assert seen["trade_engine_orders_in_flight{account=bybit}"] == 1
        assert seen["trade_engine_oldest_order_in_flight_seconds{account=bybit}"] > 1
        assert seen["trade_engine_unconfirmed_seconds{account=bybit}"] > 1
        assert seen["trade_engine_owned_quantity{account=bybit,symbol=BTCUSDT}"] == 0
        assert seen["trade_engine_target_quantity{account=bybit,symbol=BTCUSDT}"] == 0.06

        world.exchange.faults.clear()
        await world.cycle(2)
        seen = world.scrape()
        assert seen["trade_engine_orders_in_flight{account=bybit}"] == 0
        assert seen["trade_engine_oldest_order_in_flight_seconds{account=bybit}"] == 0
        assert seen["trade_engine_unconfirmed_seconds{account=bybit}"] == 0
        assert seen["trade_engine_owned_quantity{account=bybit,symbol=BTCUSDT}"] == 0.06

    live_measured(tmp_path, story)


def test_a_source_that_falls_silent_changes_its_use_and_grows_older(tmp_path: Path) -> None:
    async def story(world: MeasuredWorld) -> None:
        world.sources.say(BTC="0.1")
        await world.cycle()
        assert world.scrape()["trade_engine_source_use{source=tradingview,use=follow}"] == 1

        world.sources.fall_silent()
        world.clock.step(100)
        await world.cycle()
        seen = world.scrape()

        assert seen["trade_engine_source_use{source=tradingview,use=follow}"] == 0
        assert seen["trade_engine_source_use{source=tradingview,use=hold}"] == 1
        assert seen["trade_engine_source_heartbeat_age_seconds{source=tradingview}"] >= 100
        assert seen["trade_engine_source_judgements_total{source=tradingview,use=hold}"] == 1

    live_measured(tmp_path, story)


def test_a_halt_and_an_unreadable_account_are_seen(tmp_path: Path) -> None:
    async def story(world: MeasuredWorld) -> None:
        world.commands.give(Verb.HALT, account="bybit")
        world.sources.say(BTC="0.1")
        await world.cycle()
        seen = world.scrape()
        assert seen["trade_engine_standing{by=operator,scope=bybit,standing=halted}"] == 1
        assert seen["trade_engine_operator_commands_total{verb=halt}"] == 1

        world.commands.give(Verb.RESUME)
        await world.cycle()
        assert not [name for name in world.scrape() if "standing{" in name]
        assert world.scrape()["trade_engine_account_known{account=bybit}"] == 1
        assert world.scrape()["trade_engine_equity_usdt{account=bybit}"] == 10_000
        world.exchange.inject("read", *[Fault.READ_FAILS] * 40)
        await world.cycle()
        assert world.scrape()["trade_engine_account_known{account=bybit}"] == 0
        assert "trade_engine_equity_usdt{account=bybit}" not in world.scrape()

    live_measured(tmp_path, story)


def test_counters_never_decrease(tmp_path: Path) -> None:
    async def story(world: MeasuredWorld) -> None:
        before: dict[str, float] = {}
        for depth in ("0.1", "0.2", "0", "-0.1", "0.1", "0"):
            world.exchange.inject("submit", Fault.ANSWER_LOST)
            world.sources.say(BTC=depth)
            await world.cycle(2)
            seen = world.scrape()
            counters = {name: value for name, value in seen.items() if "_total" in name or "_count" in name}
            assert all(counters.get(name, -1.0) >= value for name, value in before.items())
            assert counters != before
            before = counters

    live_measured(tmp_path, story)


def test_every_event_with_a_counter_of_its_own_is_told_somewhere() -> None:
    told = {text for path in (ROOT / "core").rglob("*.py") for text in texts_of(path)}
    missing = [event for event in Metrics("any", WallClock())._listeners if event not in told]
    assert missing == []


def texts_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
