"""The four worst habits of today's practice, planted one by one: the scenario that guards against each must fail."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from core import account_worker, plan_executor, position_prover
from core.decisions import make_intent
from core.decisions.account_targets import needs_calls
from core.decisions.judge_position import PositionJudgement, Whose
from core.model.identity import AccountId, Symbol
from core.model.ledger import OrderRecord, SymbolLedger
from core.model.order import OrderIntent
from core.model.policy import AccountPolicy, OnForeignChange
from core.model.position import Position
from core.model.reading import Known, Reading, Unknown
from simulation.bare_exchange import Fault
from simulation.bare_world import World, live

BTC = Symbol("BTCUSDT")
D = Decimal
Scenario = Callable[[World], Awaitable[None]]


async def an_unreadable_position_is_left_alone(world: World) -> None:
    """Fault 1: half the target is missing only in a read that failed."""
    world.sources.say(BTC="0.1")
    await world.cycle()
    world.sources.say(BTC="0.12")
    world.exchange.inject("read", Fault.POSITIONS_FAIL)
    await world.cycle()
    await asyncio.sleep(20)
    await world.cycle(2)
    assert (world.held(), len(world.exchange.executed)) == (D("0.072"), 2)


async def drift_is_repaired_without_a_new_signal(world: World) -> None:
    """Fault 24: the position and the target part while no signal comes."""
    world.sources.say(BTC="0.1")
    stop = asyncio.Event()
    engine = asyncio.create_task(world.executor.run(stop))
    await asyncio.sleep(5)
    world.exchange.positions[BTC] = D("0.05")
    await asyncio.sleep(120)
    stop.set()
    await engine
    assert world.held() == D("0.06")


async def an_order_sent_again_is_the_same_order(world: World) -> None:
    """Fault 5: the first send is lost, or so it seems, and lands after the second."""
    sent: list[OrderIntent] = []
    world.exchange.on_submit = sent.append
    world.sources.say(BTC="0.1")
    world.exchange.inject("submit", Fault.ORDER_NEVER_ARRIVES)
    for _ in range(12):
        await world.cycle()
        await asyncio.sleep(1)
    world.exchange._execute(sent[0])
    assert world.held() == D("0.06")


async def a_late_close_never_turns_the_position(world: World) -> None:
    """Fault 7: the position is gone before the close arrives."""
    world.sources.say(BTC="0.1")
    await world.cycle()

    def vanish(_: OrderIntent) -> None:
        world.exchange.positions[BTC] = D(0)

    world.exchange.on_submit = vanish
    world.sources.say(BTC="0")
    await world.cycle()
    assert (world.held(), len(world.exchange.executed)) == (D(0), 1)


def plant_failed_read_is_flat(patch: pytest.MonkeyPatch) -> None:
    def held_of(positions: Reading[dict[Symbol, Position]], symbol: Symbol) -> Reading[Decimal]:
        if isinstance(positions, Unknown):
            return Known(D(0), datetime(2026, 1, 1, tzinfo=UTC))
        position = positions.value.get(symbol)
        return Known(position.quantity if position else D(0), positions.read_at)

    def explained(*_: object) -> PositionJudgement:
        return PositionJudgement(Whose.OURS)

    patch.setattr(position_prover, "held_of", held_of)
    patch.setattr(position_prover, "judge_position", explained)
    patch.setattr(account_worker.AccountWorker, "_take_reads", lambda *_: True)


def plant_edge_trigger(patch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []

    def only_what_is_new(policy, wanted, ledgers, now, left_alone):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        is_new = dict(wanted) not in seen
        seen.append(dict(wanted))
        return is_new and needs_calls(policy, wanted, ledgers, now, left_alone)

    patch.setattr(account_worker, "needs_calls", only_what_is_new)


def plant_new_id_for_every_retry(patch: pytest.MonkeyPatch) -> None:
    def nothing(ledger: SymbolLedger, intent: OrderIntent) -> OrderRecord | None:
        del ledger, intent
        return None

    patch.setattr(plan_executor, "find_resendable", nothing)


def plant_close_without_reduce_only(patch: pytest.MonkeyPatch) -> None:
    def plain(**fields: object) -> OrderIntent:
        return OrderIntent(**{**fields, "reduce_only": False})  # type: ignore[arg-type]  # forwarded as given

    patch.setattr(make_intent, "OrderIntent", plain)


PLANTS = [
    (an_unreadable_position_is_left_alone, plant_failed_read_is_flat),
    (drift_is_repaired_without_a_new_signal, plant_edge_trigger),
    (an_order_sent_again_is_the_same_order, plant_new_id_for_every_retry),
    (a_late_close_never_turns_the_position, plant_close_without_reduce_only),
]
RESTORING = AccountPolicy(AccountId("bybit"), on_foreign_change=OnForeignChange.RESTORE)


@pytest.mark.parametrize(("scenario", "plant"), PLANTS)
def test_the_engine_passes_and_the_planted_fault_is_caught(
    scenario: Scenario, plant: Callable[[pytest.MonkeyPatch], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live(tmp_path / "sound", scenario, RESTORING)

    plant(monkeypatch)
    with pytest.raises(AssertionError):
        live(tmp_path / "planted", scenario, RESTORING)
