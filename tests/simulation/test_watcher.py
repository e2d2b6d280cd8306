"""The checker's own test: each check is shown a world in which its rule is broken, and says which."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import apsw
import pytest

from config.files import format_json, write_atomically
from core.decisions.judge_source import OnStale, StalenessPolicy
from core.model.events import OrderIntended, OrderNeverArrived
from core.model.identity import AccountId, ClientOrderId, SourceName, Symbol
from core.model.order import OrderIntent, Side
from core.model.position import MarginMode
from core.model.standing import Scope, SetStanding, Standing
from paper.faults import Fault, FaultKind
from paper.refusals import Reason
from simulation.actions import Alert, FillDisk, ResendEarlier
from simulation.calm import CalmCheck
from simulation.full_disk import Full
from simulation.happenings import Happenings
from simulation.services import Service
from simulation.stale_check import StaleCheck
from simulation.surroundings import JOURNAL_FAILED
from simulation.trial import Trial
from simulation.virtual_time import run_virtually
from simulation.whole_world import Plan, WholeWorld

pytestmark = pytest.mark.timeout(120)

SYMBOL = "BTCUSDT"
BYBIT = AccountId("bybit")
PLAN = Plan(2, symbols=(SYMBOL,), network_symbols=(), exchanges=("bybit",))
NEXT_DECISION = {"decision": 2, "depth": 0, "leverage": 3, "equity": None, "price": None, "quantity": 0}

Breakage = Callable[[WholeWorld], Coroutine[None, None, None]]


def broken_rules(folder: Path, breakage: Breakage) -> set[int]:
    """The rules that are called broken once a position was opened in order and then something was broken."""

    async def main() -> set[int]:
        world = WholeWorld(folder, PLAN)
        with world.disk.listening():
            async with world.running():
                await more(world, "0.5")
                assert world.watcher.violations == []
                assert world.watcher.held((BYBIT, Symbol(SYMBOL)))
                await breakage(world)
        await world.house.close()
        return {violation.invariant for violation in world.watcher.violations}

    return run_virtually(main())


async def more(world: WholeWorld, depth: str = "0.9") -> None:
    await world.alert(SYMBOL, Decimal(depth))
    await asyncio.sleep(10)


async def ask(world: WholeWorld, path: str, times: int = 1) -> None:
    session = world.house.session()
    for _ in range(times):
        await session.request("GET", f"http://bybit.paper.invalid/v5/market/{path}")


async def nothing(world: WholeWorld) -> None:
    await more(world)


async def read_nothing_for_long(world: WholeWorld) -> None:
    world.house.faults.add(Fault(FaultKind.SERVER_ERROR, endpoint="positions", count=None))
    await asyncio.sleep(90)


async def send_blindly(world: WholeWorld) -> None:
    await read_nothing_for_long(world)
    facts = {"endpoint": "create_order", "symbol": SYMBOL}
    world.house.ledger.record(world.house.world.now_ms(), "request", "bybit", "", facts)


async def decide_blindly(world: WholeWorld) -> None:
    await read_nothing_for_long(world)
    world.watcher.tell("target decided", account="bybit", symbol=SYMBOL, **NEXT_DECISION)


async def size_by_nothing(world: WholeWorld) -> None:
    facts = NEXT_DECISION | {"equity": "NaN", "price": 0}
    world.watcher.tell("target decided", account="bybit", symbol=SYMBOL, **facts)


async def neglect_an_account(world: WholeWorld) -> None:
    for task in asyncio.all_tasks():
        if task.get_name() == "bybit":
            task.cancel()
    calm = CalmCheck(world)
    calm.take(Alert(SYMBOL, Decimal("0.9")))
    await world.alert(SYMBOL, Decimal("0.9"))
    for _ in range(2):
        await asyncio.sleep(200)
        calm.look()


async def pass_a_limit(world: WholeWorld) -> None:
    await asyncio.sleep(60)
    await ask(world, "time", 700)


async def ask_on(world: WholeWorld) -> None:
    world.house.faults.add(Fault(FaultKind.RATE_LIMITED, endpoint="tickers"))
    await ask(world, "tickers?category=linear")
    await asyncio.sleep(0.2)
    await ask(world, "tickers?category=linear")


def call(world: WholeWorld, kind: str, endpoint: str, **facts: object) -> None:
    """The exchange's ledger tells of a call as if it had come."""
    facts = {"endpoint": endpoint, "symbol": SYMBOL, **facts}
    world.house.ledger.record(world.house.world.now_ms(), kind, "bybit", "", facts)


def ask_after(*faults: FaultKind, calls: Sequence[tuple[float, str]]) -> Breakage:
    """Calls so many seconds after one for the balance was refused, while the engine sees nothing of it."""

    async def ask_nevertheless(world: WholeWorld) -> None:
        call(world, "request", "balance")
        for fault in faults:
            call(world, "fault", "balance", fault=fault)
        call(world, "answer", "balance", outcome="403")
        for seconds, endpoint in calls:
            await asyncio.sleep(seconds)
            call(world, "request", endpoint)
            call(world, "answer", endpoint, outcome="200")

    return ask_nevertheless


def order_after_a_ban(side: Side) -> Breakage:
    async def order_nevertheless(world: WholeWorld) -> None:
        await mean(world, intent(1, side))
        await ask_after(FaultKind.BANNED, calls=[(0.1, "create_order")])(world)

    return order_nevertheless


async def ask_before_the_time_that_was_stated(world: WholeWorld) -> None:
    await asyncio.sleep(-world.house.world.now_ms() % 1000 / 1000)
    call(world, "request", "balance")
    call(world, "refused_request", "balance", reason=Reason.RATE_LIMITED, detail="reads")
    await asyncio.sleep(0.9)
    call(world, "request", "set_leverage")


async def decide_under_an_invalid_configuration(world: WholeWorld) -> None:
    world.watcher.words.valid_versions = {"another"}
    await more(world)


async def keep_an_old_configuration(world: WholeWorld) -> None:
    trial = Trial(world)
    await trial.heal_and_converge()
    world.spoil_weights()
    trial.check_end()


def forbid(by: str) -> Breakage:
    async def forbid_what_is_on_its_way(world: WholeWorld) -> None:
        world.house.faults.add(Fault(FaultKind.LATENCY, endpoint="create_order", seconds=3.0))
        await world.alert(SYMBOL, Decimal("0.9"))
        await asyncio.sleep(2)
        assert world.engine
        earlier = world.clock.now() - timedelta(seconds=30)
        standing = SetStanding(Scope(BYBIT), Standing.REDUCE_ONLY, by, earlier, "told to")
        await world.engine.journal.record_standing(standing)
        await asyncio.sleep(5)

    return forbid_what_is_on_its_way


async def increase_on_a_full_disk(world: WholeWorld) -> None:
    world.watcher.orders.durable_only = frozenset()
    await more(world)


async def fail_in_silence(world: WholeWorld) -> None:
    happenings = Happenings(world)
    await happenings.apply(FillDisk(Full.JOURNAL))
    await more(world)
    await more(world, "0")
    await more(world, "0.4")
    assert world.watcher.told.pop(JOURNAL_FAILED)
    await happenings.surroundings.free_disk()


async def change_the_journal_while_it_is_closed(world: WholeWorld) -> None:
    await world.stop_engine()
    connection = apsw.Connection(str(world.home.journal))
    connection.execute("UPDATE meta SET value = '7' WHERE key = 'last_command'")
    connection.close()
    await world.start_engine()


async def trade_unseen(world: WholeWorld) -> None:
    world.watcher.scene.books[BYBIT, Symbol(SYMBOL)].quantity += 1
    await more(world)


async def tell_a_secret(world: WholeWorld) -> None:
    world.watcher.tell("pass failed", why=f"refused: {world.house.account('bybit').keys.secret}")


def follow(policy: StalenessPolicy, times: int) -> Breakage:
    async def follow_another_policy_than_the_file_says(world: WholeWorld) -> None:
        check = StaleCheck(world)
        await world.services.stop(Service.ENDPOINT)
        assert world.engine
        world.engine.manager._policies = {SourceName("tradingview"): policy}
        await asyncio.sleep(40)
        for _ in range(times):
            check.look()
        await asyncio.sleep(40)
        world.write_weights({SYMBOL: Decimal("0.3")})
        await asyncio.sleep(10)

    return follow_another_policy_than_the_file_says


async def hold_a_source_that_is_to_go(world: WholeWorld) -> None:
    settings = {"sources": {"tradingview": {"max_age_seconds": 100, "on_stale": "flatten"}}}
    write_atomically(world.home.engine_settings, format_json(settings))
    check = StaleCheck(world)
    assert world.engine
    world.engine.manager._policies = {SourceName("tradingview"): StalenessPolicy()}
    await asyncio.sleep(120)
    check.look()


async def forget_the_record(world: WholeWorld) -> None:
    await world.services.stop(Service.ENDPOINT)
    for path in world.home.raw_signals("tradingview").glob("*.jsonl"):
        path.unlink()
    await world.services.start(Service.ENDPOINT)
    Trial(world).check_end()


async def take_an_earlier_alert_again(world: WholeWorld) -> None:
    await world.alert(SYMBOL, Decimal("0.9"))
    await world.services.stop(Service.ENDPOINT)
    for path in world.home.raw_signals("tradingview").glob("*.json*"):
        path.unlink()
    await world.services.start(Service.ENDPOINT)
    await Happenings(world).apply(ResendEarlier(SYMBOL))


async def forget_the_newest_alert(world: WholeWorld) -> None:
    world.trading_view.acknowledged.append((SYMBOL, Decimal("0.7")))
    Trial(world).check_end()


def ask_before_sending_again(endpoint: str, symbol: str = SYMBOL) -> Breakage:
    async def send_again_after_a_call(world: WholeWorld) -> None:
        for name, about in (("create_order", SYMBOL), (endpoint, symbol), ("create_order", SYMBOL)):
            facts = {"endpoint": name} | ({"symbol": about} if about else {})
            world.house.ledger.record(world.house.world.now_ms(), "request", "bybit", "", facts)

    return send_again_after_a_call


def intent(number: int, side: Side = Side.BUY, quantity: str = "0.001", leverage: int = 3) -> OrderIntent:
    is_reduction, name = side is Side.SELL, ClientOrderId(f"broken{number}")
    symbol, size = Symbol(SYMBOL), Decimal(quantity)
    return OrderIntent(name, BYBIT, symbol, side, size, is_reduction, MarginMode.ISOLATED, Decimal(leverage), 1)


async def mean(world: WholeWorld, one: OrderIntent) -> None:
    assert world.engine
    await world.engine.journal.record(OrderIntended(BYBIT, one.symbol, world.clock.now(), one))


def take(world: WholeWorld, one: OrderIntent, *kinds: str) -> None:
    """The exchange's ledger tells of an order as if it had come, or filled."""
    facts = {
        "order_id": one.client_order_id,
        "client_order_id": one.client_order_id,
        "symbol": SYMBOL,
        "side": one.side,
        "quantity": one.quantity,
        "reduce_only": one.reduce_only,
        "cause": "trade",
    }
    for kind in kinds:
        world.house.ledger.record(world.house.world.now_ms(), kind, "bybit", "", facts)


def trade(*intents: OrderIntent) -> Breakage:
    async def trade_what_is_meant(world: WholeWorld) -> None:
        for one in intents:
            await mean(world, one)
        take(world, intents[-1], "order", "fill")

    return trade_what_is_meant


async def give_up_too_early(world: WholeWorld) -> None:
    one = intent(1)
    await mean(world, one)
    take(world, one, "order")
    assert world.engine
    await world.engine.journal.record(OrderNeverArrived(BYBIT, one.symbol, world.clock.now(), one.client_order_id))
    take(world, one, "fill")


async def size_beyond_what_is_asked(world: WholeWorld) -> None:
    facts = NEXT_DECISION | {"depth": "0.1", "equity": 10_000, "price": 50_000, "quantity": "0.0601"}
    world.watcher.tell("target decided", account="bybit", symbol=SYMBOL, **facts)


def size_by(price: str = "1", equity: str = "1") -> Breakage:
    async def size_by_another_number_than_the_exchange_s(world: WholeWorld) -> None:
        assert world.engine
        made = world.engine.journal.ledger(BYBIT, Symbol(SYMBOL)).decision
        assert made is not None
        assert made.price is not None
        assert made.equity is not None
        facts = NEXT_DECISION | {"price": made.price * Decimal(price), "equity": made.equity * Decimal(equity)}
        world.watcher.tell("target decided", account="bybit", symbol=SYMBOL, **facts)

    return size_by_another_number_than_the_exchange_s


async def hear_nothing_new(world: WholeWorld) -> None:
    check = StaleCheck(world)
    check.look()
    assert world.watcher.seen["source's words"] == 1
    assert world.watcher.violations == []
    assert world.engine
    setattr(world.engine.manager, "_read_frames", list)  # noqa: B010 - it hears of no file any more
    await more(world)
    check.look()


async def stay_off_target(world: WholeWorld) -> None:
    for task in asyncio.all_tasks():
        if task.get_name() == "bybit":
            task.cancel()
    await world.alert(SYMBOL, Decimal("0.9"))
    await Trial(world).heal_and_converge()


@pytest.mark.parametrize(
    ("breakage", "rules"),
    [
        (nothing, set()),
        (trade(intent(1), intent(2)), {1}),
        (trade(intent(1), intent(2, Side.SELL)), set()),
        (give_up_too_early, {1}),
        (trade(intent(1, quantity="9")), {2}),
        (size_beyond_what_is_asked, {2}),
        (size_by(), set()),
        (size_by(price="1.0001"), {2}),
        (size_by(equity="0.9999"), {2}),
        (stay_off_target, {3}),
        (forget_the_record, {4}),
        (take_an_earlier_alert_again, {5}),
        (forget_the_newest_alert, {5}),
        (hear_nothing_new, {5}),
        (trade(intent(1, Side.SELL, quantity="9")), {6}),
        (send_blindly, {7}),
        (size_by_nothing, {7}),
        (trade(intent(1, leverage=7)), {8}),
        (ask_before_sending_again("tickers", ""), {9}),
        (ask_before_sending_again("balance"), {9}),
        (ask_before_sending_again("order", "ETHUSDT"), {9}),
        (ask_before_sending_again("order"), set()),
        (ask_before_sending_again("positions", ""), set()),
        (fail_in_silence, {9}),
        (increase_on_a_full_disk, {9}),
        (decide_blindly, {10}),
        (neglect_an_account, {12}),
        (ask_on, {13}),
        (ask_after(FaultKind.RATE_LIMITED, calls=[(0.9, "tickers")]), {13}),
        (ask_after(FaultKind.RATE_LIMITED, calls=[(1.1, "set_leverage")]), set()),
        (ask_after(FaultKind.BANNED, calls=[(30.0, "markets")]), {13}),
        (ask_after(FaultKind.BANNED, calls=[(3.9, "order_history")]), {13}),
        (ask_after(FaultKind.BANNED, calls=[(4.1, "order_history"), (0.1, "order_history")]), set()),
        (ask_after(FaultKind.BANNED, FaultKind.RATE_LIMITED, calls=[(1.1, "tickers")]), set()),
        (order_after_a_ban(Side.BUY), {13}),
        (order_after_a_ban(Side.SELL), set()),
        (ask_before_the_time_that_was_stated, {13}),
        (pass_a_limit, {13}),
        (decide_under_an_invalid_configuration, {14}),
        (keep_an_old_configuration, {14}),
        (forbid("engine"), {15}),
        (follow(StalenessPolicy(), times=1), set()),
        (follow(StalenessPolicy(heartbeat_seconds=3600.0), times=0), {16}),
        (follow(StalenessPolicy(max_age_seconds=20.0, on_stale=OnStale.FLATTEN), times=1), {16}),
        (hold_a_source_that_is_to_go, {16}),
        (change_the_journal_while_it_is_closed, {18}),
        (trade_unseen, {11, 19}),
        (tell_a_secret, {20}),
        (forbid("operator"), {21}),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_a_broken_rule_is_called_by_its_number(tmp_path: Path, breakage: Breakage, rules: set[int]) -> None:
    broken = broken_rules(tmp_path, breakage)

    assert broken >= rules
    assert rules or not broken


def test_a_flip_is_counted_when_it_is_decided_and_when_it_is_done(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []

    async def turn(world: WholeWorld) -> None:
        for depth in ("0.9", "-0.5", "-0.6", "0", "0.5"):
            await more(world, depth)
            seen.append((world.watcher.seen["flip decided"], world.watcher.seen["flip"]))

    assert broken_rules(tmp_path, turn) == set()
    assert seen == [(0, 0), (1, 1), (1, 1), (1, 1), (1, 1)]
