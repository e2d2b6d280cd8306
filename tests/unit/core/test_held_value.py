"""What the account's other positions are worth: kept where nothing changes it, followed where the price does."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from core.account_limits import AccountLimits
from core.decisions.make_decision import Readings
from core.model.events import OrderIntended, PositionAdopted
from core.model.identity import ClientOrderId, Symbol
from core.model.order import OrderIntent, Side
from core.model.position import AccountSnapshot, MarginMode, Position, Quote
from core.model.reading import Known, Unknown
from core.model.risk import RiskLimits
from simulation.bare_world import BTC, RULES, World, live

D, ETH = Decimal, Symbol("ETHUSDT")


def readings_of(world: World, price: str = "") -> Readings:
    at = world.clock.now()
    snapshot = AccountSnapshot(world.policies[0].account, Known(D(1000), at), Known({}, at))
    return Readings(snapshot, {ETH: Known(Quote(D(price), at), at)} if price else {}, Known(RULES, at), {})


def test_a_position_without_a_decision_is_worth_what_its_price_says_now(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        account = world.policies[0].account
        await world.journal.note(PositionAdopted(account, ETH, world.clock.now(), D(-2), "found"))
        limits = AccountLimits(account, RiskLimits, world.journal, world.clock, world.told)

        for value_of in (limits.others_notional, lambda symbol, read: limits.others_decided(symbol, read, {})):
            first, later = (value_of(BTC, readings_of(world, price)) for price in ("100", "110"))
            assert isinstance(first, Known)
            assert isinstance(later, Known)
            assert (first.value, later.value) == (D(200), D(220))
            assert isinstance(value_of(BTC, readings_of(world)), Unknown)
            own = value_of(ETH, readings_of(world))
            assert isinstance(own, Known)
            assert own.value == 0

        await world.journal.note(PositionAdopted(account, ETH, world.clock.now(), D(3), "found"))
        changed = limits.others_notional(BTC, readings_of(world, "110"))
        assert isinstance(changed, Known)
        assert changed.value == D(330)

    live(tmp_path, story)


def test_a_decided_position_is_worth_its_decision_until_there_is_another(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        limits = AccountLimits(world.policies[0].account, RiskLimits, world.journal, world.clock, world.told)
        worth = []
        for depth in ("0.1", "0.2"):
            world.sources.say(ETH=depth)
            await world.cycle()
            for _ in range(2):
                held = limits.others_notional(BTC, readings_of(world))
                assert isinstance(held, Known)
                worth.append(held.value)

        decision = world.ledger(ETH).decision
        assert decision
        assert decision.price
        assert worth[0] == worth[1] > 0
        assert worth[2] == worth[3] == abs(decision.quantity) * decision.price > worth[0]

    live(tmp_path, story)


def test_an_increase_on_its_way_counts_although_nothing_asks_for_it_any_more(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        account, now = world.policies[0].account, world.clock.now()
        limits = AccountLimits(account, RiskLimits, world.journal, world.clock, world.told)
        worth = []
        for number, (side, quantity) in enumerate([(Side.SELL, 2), (Side.BUY, 1)], 1):
            intent = OrderIntent(
                ClientOrderId(f"sent{number}"),
                account,
                ETH,
                side,
                D(quantity),
                reduce_only=side is Side.BUY,
                margin_mode=MarginMode.ISOLATED,
                leverage=D(1),
                decision=1,
            )
            await world.journal.note(OrderIntended(account, ETH, now, intent))
            held = limits.others_notional(BTC, readings_of(world, "100"))
            assert isinstance(held, Known)
            worth.append(held.value)

        assert worth == [D(200), D(200)]

    live(tmp_path, story)


def test_what_is_neither_listed_nor_held_any_more_is_worth_nothing(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        account, at = world.policies[0].account, world.clock.now()
        await world.journal.note(PositionAdopted(account, ETH, at, D(-2), "found"))
        limits = AccountLimits(account, RiskLimits, world.journal, world.clock, world.told)
        listed = readings_of(world)
        gone = replace(listed, instruments=Known({BTC: RULES[BTC]}, at))
        shown = {ETH: Position(ETH, D(-2))}
        held = replace(gone, snapshot=replace(gone.snapshot, positions=Known(shown, at)))
        unread = replace(gone, snapshot=replace(gone.snapshot, positions=Unknown("no answer")))

        worth = [limits.others_notional(BTC, readings) for readings in (gone, held, unread, listed)]

        assert isinstance(worth[0], Known)
        assert worth[0].value == 0
        assert all(isinstance(one, Unknown) for one in worth[1:])

    live(tmp_path, story)
