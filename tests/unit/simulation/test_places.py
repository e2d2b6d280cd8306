"""Whether a position of a simulated world is where it should be, and what excuses one that is not."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from core.model.decision import Decision
from core.model.identity import AccountId, ClientOrderId, Symbol
from core.model.ledger import OrderPhase, OrderRecord, SymbolLedger
from core.model.order import OrderIntent, Side
from core.model.position import MarginMode
from core.model.standing import Standing
from simulation.places import Place

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ACCOUNT, SYMBOL = AccountId("bybit"), Symbol("BTCUSDT")
RESTRICTED = "reduce_only: the position shrank"
FOREIGN = "the position is not ours alone (the exchange holds 9, our fills explain 0)"
TOO_SMALL = "3 USDT is less than the exchange's minimum order value"
ENGINE = "another engine (tag abc) trades BTCUSDT on this account"


def decision(depth: str, quantity: str, unreachable: str = "") -> Decision:
    return Decision(1, Decimal(depth), Decimal(3), "v", None, None, Decimal(quantity), unreachable, NOW)


def place(depth: str, quantity: str, asked: str, held: str, owned: str = "", why: str = "") -> Place:
    decided = decision(depth, quantity)
    ledger = SymbolLedger(ACCOUNT, SYMBOL, decided, owned=Decimal(owned or held), confirmed=1)
    return Place(ledger, Decimal(asked), Decimal(held), why, lot=Decimal("0.1"))


@pytest.mark.parametrize(
    ("depth", "quantity", "asked", "held", "expected"),
    [
        ("0.5", "5", "0.5", "7", True),
        ("0.5", "5", "0.5", "3", False),
        ("0.5", "5", "0", "5", True),
        ("0.5", "5", "0.2", "5", True),
        ("0.5", "5", "0.2", "1", False),
        ("0.5", "5", "0.8", "5", False),
        ("0.5", "5", "-0.5", "5", True),
        ("-0.5", "-5", "-0.5", "5", True),
        ("-0.5", "-5", "-0.5", "0", False),
        ("0.5", "5", "0", "0", False),
    ],
)
def test_a_reduction_is_pending_when_the_decision_or_the_target_asks_for_less_than_is_held(
    depth: str, quantity: str, asked: str, held: str, expected: bool
) -> None:
    assert place(depth, quantity, asked, held).is_reduction is expected


@pytest.mark.parametrize(
    ("quantity", "waits"),
    [("3", True), ("0", False), ("-5", False)],
    ids=["of a part", "of all", "of the other side"],
)
def test_only_a_lost_reduction_of_a_part_waits_for_its_window(quantity: str, waits: bool) -> None:
    one, two = Decimal(1), Decimal(2)
    intent = OrderIntent(
        ClientOrderId("a"), ACCOUNT, SYMBOL, Side.SELL, two, reduce_only=True, margin_mode=MarginMode.ISOLATED,
        leverage=one, decision=1,
    )  # fmt: skip
    at = place("0.3", quantity, "0.3", "5")
    lost = replace(at, ledger=replace(at.ledger, orders=(OrderRecord(intent, OrderPhase.UNKNOWN, NOW),)))

    assert lost.waits_for_window is waits
    assert not at.waits_for_window


def test_a_position_that_nobody_decided_is_a_gap() -> None:
    ledger = SymbolLedger(ACCOUNT, SYMBOL)

    assert Place(ledger, Decimal(0), Decimal(5)).gap == "holds 5 without a decision"
    assert Place(ledger, Decimal(0), Decimal(0)).gap == ""


@pytest.mark.parametrize(
    ("held", "why", "is_paced"),
    [
        ("3", "insufficient_margin: 110007", True),
        ("3", "the exchange is in trouble since 10:00:00 UTC: no answer", True),
        ("3", "account value unknown: bybit: the exchange wants to be left alone for another 16.4 s", True),
        ("3", "an order is still unsettled", False),
        ("3", "", False),
        ("7", "insufficient_margin: 110007", False),
    ],
)
def test_an_increase_alone_is_paced_by_refusals(held: str, why: str, is_paced: bool) -> None:
    assert place("0.5", "5", "0.5", held, why=why).is_paced is is_paced


def test_what_is_no_longer_followed_must_be_flat_and_no_more() -> None:
    def gap(quantity: str, held: str) -> str:
        return replace(place("0.001", quantity, "0", held), is_followed=False).gap

    assert place("0.001", "0", "0", "0").gap
    assert not gap("0", "0")
    assert gap("0", "1")
    assert gap("1", "1")


@pytest.mark.parametrize("why", [RESTRICTED, TOO_SMALL, ENGINE])
def test_what_forbids_increases_alone_excuses_no_position_that_is_too_large(why: str) -> None:
    def excuse(held: str) -> str:
        at = replace(place("0.5", "5", "0.5", held, why=why), has_stranger=True)
        standing = Standing.REDUCE_ONLY if why == RESTRICTED else Standing.ACTIVE
        return replace(at, ledger=replace(at.ledger, standing=standing)).excuse

    assert excuse("3")
    assert not excuse("7")
    assert not excuse("-3")


def test_what_forbids_increases_excuses_no_target_that_is_not_decided() -> None:
    at = place("0.5", "5", "0.8", "3", why=TOO_SMALL)

    assert at.gap
    assert not at.excuse


def test_that_a_size_is_unreachable_excuses_no_difference() -> None:
    at = place("0.5", "5", "0.5", "3", why="leverage 3 is above the exchange's 2, sized with that")
    sized = replace(at, ledger=replace(at.ledger, decision=decision("0.5", "5", at.why)))

    assert sized.gap
    assert not sized.excuse


@pytest.mark.parametrize(
    ("quantity", "held", "owned", "why", "is_tainted", "excused"),
    [
        ("0", "9", "0", FOREIGN, True, True),
        ("0", "9", "0", FOREIGN, False, False),
        ("0", "9", "0", "", True, True),
        ("0", "9", "4", FOREIGN, True, False),
        ("0", "9", "9", FOREIGN, True, False),
        ("5", "9", "5", FOREIGN, True, True),
        ("5", "9", "5", "", True, False),
        ("5", "3", "3", "an order is still unsettled", True, False),
        ("-5", "9", "4", FOREIGN, True, False),
    ],
)
def test_only_what_is_not_ours_is_excused_as_foreign(
    quantity: str, held: str, owned: str, why: str, is_tainted: bool, excused: bool
) -> None:
    asked = "0" if quantity == "0" else "0.5" if quantity == "5" else "-0.5"
    at = replace(place(asked, quantity, asked, held, owned, why), is_tainted=is_tainted)

    assert at.gap
    assert bool(at.excuse) is excused


def test_a_market_that_does_not_trade_excuses_what_names_it() -> None:
    at = replace(place("0.5", "5", "0", "5", why="the exchange does not trade this symbol now"), trades=False)

    assert at.excuse == "does not trade"
    assert not replace(at, trades=True).excuse
    assert not replace(at, why="").excuse


def test_a_cap_excuses_an_increase_only_where_another_symbol_is_stuck_above_its_target() -> None:
    why = "held at 3 by the limit of 9830.4 USDT per account"
    held_down = replace(place("0.5", "5", "0.5", "3", why=why), has_stuck=True)

    assert held_down.excuse == "by the limit of"
    assert replace(held_down, has_stuck=False).excuse == ""
    assert replace(held_down, held=Decimal(7)).excuse == ""
    assert replace(held_down, asked=Decimal("0.8")).excuse == ""


def test_what_was_put_back_on_an_exchange_may_take_the_hour_of_the_rules_unless_it_is_known() -> None:
    never_sized = Place(SymbolLedger(ACCOUNT, SYMBOL), Decimal("0.5"), Decimal(0), "not listed on this exchange")
    sized = replace(decision("0.5", "5"), price=Decimal(100))

    assert replace(never_sized, is_listed_since=True).excuse == "not listed on this exchange"
    assert never_sized.excuse == ""
    assert replace(never_sized, is_listed_since=True, why="no price").excuse == ""
    assert replace(never_sized, is_listed_since=True, ledger=SymbolLedger(ACCOUNT, SYMBOL, sized)).excuse == ""
