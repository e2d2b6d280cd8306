"""The contract suite's cases over Binance, OKX and Hyperliquid: what the four exchanges are held to, these are too."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import ccxt.async_support as ccxt
import pytest

from account_processors.ccxt_client import CallSettings
from account_processors.clock_offset import MEASURE_EVERY_SECONDS
from account_processors.dialect import ONE_WAY_REMEDY
from account_processors.orders import base_quantity, exchange_amount
from account_processors.outcomes import Absence
from account_processors.passport import Severity
from account_processors.registry import find_dialect
from core.model.identity import AccountId
from core.model.order import (
    Accepted,
    ExchangeOrderState,
    NotFound,
    OrderReport,
    RefusalReason,
    RefusedOutcome,
    Side,
    UnknownOutcome,
)
from core.model.position import MarginMode
from core.model.reading import Barred, Known, Unknown
from simulation.answer_shapes import derive, differences
from simulation.exchange_bench import BTC, UNLISTED, must_know
from simulation.foreign_bench import KEY, PASSPHRASE, SECRET, SERVERS, Foreign, play_foreign
from simulation.foreign_servers import Breakage
from simulation.replay import Status, read_recorded

RECORDED = Path(__file__).parent / "recorded"
EXCHANGES = tuple(SERVERS)
Change = Callable[[int, str], tuple[int, str]]
PLACES = {
    "binance": {
        "positions": "positionRisk",
        "balance": "v3/account",
        "order": "v1/order",
        "time": "v1/time",
        "markets": "exchangeInfo",
    },
    "okx": {
        "positions": "account/positions",
        "balance": "account/balance",
        "order": "trade/batch-orders",
        "time": "public/time",
        "markets": "public/instruments",
    },
    "hyperliquid": {
        "positions": "clearinghouseState",
        "balance": "clearinghouseState",
        "order": "order",
        "time": "exchangeStatus",
        "markets": "metaAndAssetCtxs",
    },
}
LOOK_UP = {"binance": "v1/order", "okx": "trade/order", "hyperliquid": "orderStatus"}
MANDATORY = {
    ("binance", "balance"): ("assets", "asset", "walletBalance", "unrealizedProfit"),
    ("binance", "positions"): ("symbol", "positionAmt", "isolatedMargin"),
    ("okx", "balance"): ("code", "data", "details", "ccy", "eq", "upl"),
    ("okx", "positions"): ("code", "data", "instId", "pos", "mgnMode"),
    ("hyperliquid", "balance"): ("marginSummary", "accountValue", "assetPositions", "unrealizedPnl"),
    ("hyperliquid", "positions"): ("assetPositions", "position", "coin", "szi", "leverage", "type"),
}
"""Every field without which an answer says nothing, by exchange and what is read."""


def without(field: str) -> Change:
    """The answer without a field, wherever it stands."""

    def prune(value: Any) -> Any:  # noqa: ANN401 - JSON
        if isinstance(value, dict):
            return {name: prune(inner) for name, inner in value.items() if name != field}
        return [prune(inner) for inner in value] if isinstance(value, list) else value

    return lambda status, text: (status, json.dumps(prune(json.loads(text))))


def holding(field: str, held: object) -> Change:
    """The answer with something else in a field."""

    def put(value: Any) -> Any:  # noqa: ANN401 - JSON
        if isinstance(value, dict):
            return {name: held if name == field else put(inner) for name, inner in value.items()}
        return [put(inner) for inner in value] if isinstance(value, list) else value

    return lambda status, text: (status, json.dumps(put(json.loads(text))))


def answering(text: str, status: int = 200) -> Change:
    """Another answer altogether."""
    return lambda _, __: (status, text)


BREAKING: dict[str, Breakage] = {
    "silence": Breakage(is_silent=True),
    "lost": Breakage(is_cut=True),
    "cut short": Breakage(change=lambda status, text: (status, text[: len(text) // 2])),
    "empty": Breakage(change=lambda status, _: (status, "")),
    "no members": Breakage(change=lambda status, _: (status, "{}")),
    "null": Breakage(change=lambda status, _: (status, "null")),
    "a word": Breakage(change=lambda status, _: (status, '"fine"')),
    "page": Breakage(change=lambda status, _: (status, "<html>maintenance</html>")),
    "page 503": Breakage(change=answering("<html>maintenance</html>", 503)),
    "502": Breakage(change=answering("", 502)),
    "404": Breakage(change=answering("", 404)),
    "429": Breakage(change=answering("", 429)),
    "another code": Breakage(change=answering('{"code": 987654, "msg": "?"}')),
}


@pytest.mark.parametrize("name", EXCHANGES)
@pytest.mark.parametrize("kind", BREAKING)
def test_fault_04_41_a_broken_read_is_unknown_and_the_next_one_known(name: str, kind: str) -> None:
    async def scene(foreign: Foreign) -> None:
        exchange = (await foreign.ready()).exchange
        await foreign.trade(Side.BUY, "0.02")
        for what in ("positions", "balance"):
            foreign.session.breakage = replace(BREAKING[kind], place=PLACES[name][what])
            snapshot = await exchange.read_snapshot()
            reading = snapshot.positions if what == "positions" else snapshot.equity
            assert isinstance(reading, Unknown), reading
            foreign.session.breakage = None
            await asyncio.sleep(61)
        healed = must_know(await exchange.read_positions())
        assert healed[BTC].quantity == Decimal("0.02")

    play_foreign(name, scene, CallSettings(read_timeout_seconds=2.0, read_tries=1))


@pytest.mark.parametrize("name", EXCHANGES)
@pytest.mark.parametrize("what", ["balance", "positions"])
def test_fault_22_every_mandatory_field_counts(name: str, what: str) -> None:
    async def scene(foreign: Foreign) -> None:
        exchange = (await foreign.ready()).exchange
        await foreign.trade(Side.BUY, "0.02")
        for field in MANDATORY[name, what]:
            for change in (without(field), holding(field, None), holding(field, ""), holding(field, "NaN")):
                foreign.session.breakage = Breakage(PLACES[name][what], change)
                snapshot = await exchange.read_snapshot()
                reading = snapshot.equity if what == "balance" else snapshot.positions
                assert isinstance(reading, Unknown), (field, reading)
                await asyncio.sleep(3)

    play_foreign(name, scene)


@pytest.mark.parametrize("name", EXCHANGES)
def test_an_empty_list_of_positions_is_flat_and_a_missing_one_is_not(name: str) -> None:
    async def scene(foreign: Foreign) -> None:
        exchange = (await foreign.ready()).exchange
        assert must_know(await exchange.read_positions()) == {}
        for text in ("[]", '{"code": "0", "msg": ""}', '{"data": {}, "assetPositions": {}}'):
            if name == "binance" and text == "[]":
                continue
            foreign.session.breakage = Breakage(PLACES[name]["positions"], answering(text))
            assert isinstance(await exchange.read_positions(), Unknown), text

    play_foreign(name, scene)


@pytest.mark.parametrize("name", EXCHANGES)
@pytest.mark.parametrize("kind", BREAKING)
def test_an_order_whose_answer_is_broken_is_unknown_sent_once_and_found_with_its_fill(name: str, kind: str) -> None:
    async def scene(foreign: Foreign) -> None:
        exchange = (await foreign.ready()).exchange
        foreign.session.breakage = replace(BREAKING[kind], place=PLACES[name]["order"])
        intent = foreign.intent(Side.BUY, "0.02")
        outcome = await exchange.submit_order(intent)
        assert isinstance(outcome, UnknownOutcome), outcome
        foreign.session.breakage = None
        await asyncio.sleep(61)
        report = await exchange.find_order(BTC, intent.client_order_id)
        assert isinstance(report, OrderReport), report
        assert (report.state, report.signed_fill) == (ExchangeOrderState.FILLED, Decimal("0.02"))
        assert foreign.server.held == Decimal("0.02")
        assert len(foreign.server.orders) == 1

    play_foreign(name, scene, CallSettings(write_timeout_seconds=2.0, read_tries=3))


@pytest.mark.parametrize("name", EXCHANGES)
@pytest.mark.parametrize("kind", BREAKING)
def test_a_broken_look_up_proves_nothing(name: str, kind: str) -> None:
    async def scene(foreign: Foreign) -> None:
        exchange = (await foreign.ready()).exchange
        report = await foreign.trade(Side.BUY, "0.02")
        foreign.session.breakage = replace(BREAKING[kind], place=LOOK_UP[name])
        assert isinstance(await exchange.find_order(BTC, report.client_order_id), UnknownOutcome)

    play_foreign(name, scene, CallSettings(read_timeout_seconds=2.0, read_tries=1))


def refusing(name: str, code: str) -> Change:
    """A refusal with one code, as an answer to a read and to an order."""

    def change(_: int, text: str) -> tuple[int, str]:
        del text
        if name == "binance":
            return 400, json.dumps({"code": int(code), "msg": "no"})
        if name == "okx":
            rows = [{"ordId": "", "clOrdId": "", "tag": "", "sCode": code, "sMsg": "no"}]
            return 200, json.dumps({"code": "1", "msg": "All operations failed", "data": rows})
        statuses = [{"error": f"Order failed: {code}. asset=0"}]
        return 200, json.dumps({"status": "ok", "response": {"type": "order", "data": {"statuses": statuses}}})

    return change


@pytest.mark.parametrize("name", EXCHANGES)
def test_fault_42_each_code_means_on_an_order_what_the_table_says(name: str) -> None:
    async def scene(foreign: Foreign) -> None:
        exchange = (await foreign.ready()).exchange
        for code, meaning in find_dialect(name).profile.codes.items():
            foreign.session.breakage = Breakage(PLACES[name]["order"], refusing(name, code))
            outcome = await exchange.submit_order(foreign.intent(Side.BUY, "0.02"))
            if isinstance(meaning, RefusalReason):
                assert isinstance(outcome, RefusedOutcome), (code, outcome)
                assert outcome.reason is meaning, code
            else:
                assert isinstance(outcome, UnknownOutcome), (code, outcome)
            await asyncio.sleep(61)

    play_foreign(name, scene)


@pytest.mark.parametrize("name", ["binance", "okx"])
def test_each_code_leaves_a_read_unknown_and_only_proofs_of_absence_count_on_a_look_up(name: str) -> None:
    async def scene(foreign: Foreign) -> None:
        exchange = (await foreign.ready()).exchange
        intent = foreign.intent(Side.BUY, "0.02")
        for code, meaning in find_dialect(name).profile.codes.items():
            answer = json.dumps({"code": int(code) if name == "binance" else code, "msg": "no", "data": []})
            status = 400 if name == "binance" else 200
            foreign.session.breakage = Breakage("", answering(answer, status))
            reading = await exchange.read_positions()
            assert isinstance(reading, Unknown), (code, reading)
            barred = meaning in (RefusalReason.AUTHENTICATION, RefusalReason.PERMISSION)
            assert isinstance(reading, Barred) == barred, (code, reading)
            await asyncio.sleep(61)
            found = await exchange.find_order(BTC, intent.client_order_id)
            assert isinstance(found, NotFound if meaning is Absence.NOT_FOUND else UnknownOutcome), (code, found)
            await asyncio.sleep(61)

    play_foreign(name, scene)


@pytest.mark.parametrize("name", EXCHANGES)
def test_every_multiple_of_the_step_is_a_whole_number_of_units_and_one_between_two_is_never_sent(name: str) -> None:
    async def scene(foreign: Foreign) -> None:
        exchange = (await foreign.ready()).exchange
        rules = must_know(await exchange.read_instruments())[BTC]
        for steps in (1, 3, 7, 999_999_937):
            amount = exchange_amount(rules.lot_step * steps, rules)
            assert base_quantity(amount, rules) == rules.lot_step * steps
        between = replace(foreign.intent(Side.BUY, "0.02"), quantity=Decimal("0.02") + rules.lot_step / 2)
        outcome = await exchange.submit_order(between)
        assert isinstance(outcome, RefusedOutcome)
        assert outcome.reason is RefusalReason.PRECISION
        unlisted = await exchange.submit_order(replace(foreign.intent(Side.BUY, "0.02"), symbol=UNLISTED))
        assert isinstance(unlisted, RefusedOutcome)
        assert unlisted.reason is RefusalReason.NOT_TRADABLE
        assert foreign.server.orders == {}

    play_foreign(name, scene)


@pytest.mark.parametrize("name", EXCHANGES)
def test_long_and_short_open_reduce_and_close_and_a_reduction_beyond_nothing_is_refused(name: str) -> None:
    async def scene(foreign: Foreign) -> None:
        exchange = (await foreign.ready()).exchange
        for side, close, sign in ((Side.BUY, Side.SELL, 1), (Side.SELL, Side.BUY, -1)):
            await foreign.trade(side, "0.04")
            held = must_know(await exchange.read_positions())[BTC]
            assert (held.quantity, held.margin_mode) == (sign * Decimal("0.04"), MarginMode.ISOLATED)
            report = await foreign.trade(close, "0.01", reduce_only=True)
            assert report.reduce_only is True
            assert must_know(await exchange.read_positions())[BTC].quantity == sign * Decimal("0.03")
            await foreign.trade(close, "0.03", reduce_only=True)
            assert must_know(await exchange.read_positions()) == {}
            nothing = await exchange.submit_order(foreign.intent(close, "0.01", reduce_only=True))
            assert isinstance(nothing, RefusedOutcome)
            assert nothing.reason is RefusalReason.NOTHING_TO_REDUCE

    play_foreign(name, scene)


@pytest.mark.parametrize("name", EXCHANGES)
def test_the_same_id_a_second_time_is_a_duplicate_and_ids_of_closed_orders_are_listed(name: str) -> None:
    async def scene(foreign: Foreign) -> None:
        exchange = (await foreign.ready()).exchange
        intent = foreign.intent(Side.BUY, "0.02")
        assert isinstance(await exchange.submit_order(intent), Accepted)
        again = await exchange.submit_order(intent)
        assert isinstance(again, RefusedOutcome)
        assert again.reason is RefusalReason.DUPLICATE_CLIENT_ORDER_ID
        assert foreign.server.held == Decimal("0.02")
        assert len(must_know(await exchange.read_recent_client_ids(BTC))) == 1

    play_foreign(name, scene)


@pytest.mark.parametrize("name", EXCHANGES)
def test_why_a_position_shrank_is_not_known_and_costs_no_call(name: str) -> None:
    async def scene(foreign: Foreign) -> None:
        exchange = (await foreign.ready()).exchange
        heard = len(foreign.server.requests)
        told = await exchange.read_closing_cause(BTC, foreign.clock.now())
        assert isinstance(told, Unknown)
        assert "not asked why" in told.reason
        assert len(foreign.server.requests) == heard

    play_foreign(name, scene)


@pytest.mark.parametrize("name", EXCHANGES)
@pytest.mark.parametrize("seconds", [-90, 90])
def test_a_far_clock_is_corrected_and_told_and_measured_once_an_hour(name: str, seconds: int) -> None:
    async def scene(foreign: Foreign) -> None:
        exchange = foreign.exchange
        foreign.clock.step(seconds)
        assert isinstance(await exchange.read_positions(), Known)
        assert abs(exchange.clock_offset.offset + timedelta(seconds=seconds)) < timedelta(milliseconds=50)
        assert "clock differs from the exchange's" in foreign.told.names()
        await foreign.ready()
        report = await foreign.trade(Side.BUY, "0.02")
        assert abs(report.created_at - foreign.clock.now()) < timedelta(seconds=1)
        asked = times(foreign)
        await exchange.read_positions()
        assert times(foreign) == asked
        await asyncio.sleep(MEASURE_EVERY_SECONDS)
        await exchange.read_positions()
        assert times(foreign) == asked + 1

    play_foreign(name, scene)


def times(foreign: Foreign) -> int:
    return foreign.server.asked.count(PLACES[foreign.name]["time"])


@pytest.mark.parametrize("name", EXCHANGES)
def test_rules_are_read_once_an_hour_for_all_accounts_of_an_exchange(name: str) -> None:
    def asked(foreign: Foreign) -> int:
        return foreign.server.asked.count(PLACES[name]["markets"])

    async def scene(foreign: Foreign) -> None:
        other = foreign.another("second")
        assert str(other.account) == f"{name}::second"
        await asyncio.gather(*(one.read_instruments() for one in (foreign.exchange, other) for _ in range(10)))
        first = asked(foreign)
        assert first == 1
        await asyncio.sleep(3599)
        await asyncio.gather(foreign.exchange.read_instruments(), other.read_instruments())
        assert asked(foreign) == first
        await asyncio.sleep(1)
        await asyncio.gather(foreign.exchange.read_instruments(), other.read_instruments())
        assert asked(foreign) == first + 1
        await other.close()

    play_foreign(name, scene)


@pytest.mark.parametrize("name", EXCHANGES)
def test_every_call_has_a_deadline_cancelling_ends_it_and_nothing_outlives_the_connection(name: str) -> None:
    async def scene(foreign: Foreign) -> None:
        exchange = (await foreign.ready()).exchange
        before = asyncio.all_tasks()
        foreign.session.breakage = Breakage(is_silent=True)
        began = asyncio.get_running_loop().time()
        assert isinstance((await exchange.read_snapshot()).equity, Unknown)
        assert isinstance(await exchange.submit_order(foreign.intent(Side.BUY, "0.02")), UnknownOutcome)
        assert asyncio.get_running_loop().time() - began < 30
        reading = asyncio.create_task(exchange.read_positions())
        await asyncio.sleep(0.1)
        assert foreign.session.in_flight == 1
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert foreign.session.in_flight == 0
        await exchange.close()
        await exchange.close()
        assert isinstance(await exchange.read_positions(), Unknown)
        assert {task for task in asyncio.all_tasks() - before if task is not asyncio.current_task()} == set()

    play_foreign(name, scene)


@pytest.mark.parametrize("name", EXCHANGES)
def test_fault_91_no_secret_is_in_any_outcome_reading_or_repr(name: str) -> None:
    async def scene(foreign: Foreign) -> None:
        exchange = (await foreign.ready()).exchange
        shown = [repr(exchange), repr(vars(exchange.connection)["_keys"])]
        echo = Breakage(change=lambda _, __: (400, json.dumps({"code": 1, "msg": f"{SECRET} {KEY}", "data": []})))
        for breakage in (*BREAKING.values(), echo):
            foreign.session.breakage = breakage
            shown.append(repr(await exchange.read_snapshot()))
            shown.append(repr(await exchange.submit_order(foreign.intent(Side.BUY, "0.02"))))
            shown.append(repr(await exchange.inspect([BTC])))
            await asyncio.sleep(61)
        shown.append(repr(foreign.told.events))
        assert [text for text in shown for secret in (SECRET, KEY, PASSPHRASE) if secret in text] == []

    play_foreign(name, scene, CallSettings(read_timeout_seconds=1.0, write_timeout_seconds=1.0, read_tries=1))


@pytest.mark.parametrize("name", ["binance", "okx"])
def test_hedge_mode_is_named_at_the_start_with_its_remedy_which_the_doctor_can_apply(name: str) -> None:
    async def scene(foreign: Foreign) -> None:
        foreign.server.is_hedged = True
        found = next(one for one in (await foreign.exchange.inspect()).findings if one.topic == "position mode")
        assert (found.severity, bool(found.remedy), bool(found.remedy_id)) == (Severity.PROBLEM, True, True)
        assert isinstance(await foreign.exchange.apply(found), Accepted)
        assert foreign.server.is_hedged is False
        assert (await foreign.exchange.inspect()).is_fit
        assert ONE_WAY_REMEDY

    play_foreign(name, scene)


@pytest.mark.parametrize("name", EXCHANGES)
def test_two_hundred_reads_at_once_are_paced_below_the_published_limit(name: str) -> None:
    async def scene(foreign: Foreign) -> None:
        await foreign.ready()
        loop = asyncio.get_running_loop()
        began = loop.time()
        readings = await asyncio.gather(*(foreign.exchange.read_positions() for _ in range(200)))
        assert all(isinstance(reading, Known) for reading in readings)
        budget = find_dialect(name).profile.budgets[0]
        weight = {"binance": 5, "okx": 1, "hyperliquid": 2}[name]
        most_in_a_window = budget.weight * (1 - budget.reserve / 2)
        assert loop.time() - began >= (200 * weight / most_in_a_window - 1) * budget.window_seconds * 0.9

    play_foreign(name, scene, CallSettings(read_timeout_seconds=6000.0, read_tries=1))


def test_a_ban_by_binance_silences_everything_ordinary_for_a_minute() -> None:
    async def scene(foreign: Foreign) -> None:
        exchange = (await foreign.ready()).exchange
        await foreign.trade(Side.BUY, "0.02")
        foreign.session.breakage = Breakage(change=answering('{"code": -1003, "msg": "banned"}', 418))
        assert isinstance(await exchange.read_positions(), Unknown)
        asked = len(foreign.server.requests)
        await asyncio.sleep(50)
        assert isinstance((await exchange.read_quotes([BTC]))[BTC], Unknown)
        assert isinstance((await exchange.read_snapshot()).equity, Unknown)
        ordinary = [asked for asked in foreign.server.requests[asked:] if "positionRisk" not in asked]
        assert ordinary == []
        foreign.session.breakage = None
        assert isinstance(await exchange.submit_order(foreign.intent(Side.SELL, "0.01", reduce_only=True)), Accepted)
        await asyncio.sleep(10)
        assert isinstance(await exchange.read_positions(), Known)

    play_foreign("binance", scene)


SHAPES: dict[str, dict[str, tuple[str, ...]]] = {
    "binance": {
        "exchangeInfo": ("exchange_info",),
        "v3/account": ("account",),
        "positionRisk": ("position_risk",),
        "symbolConfig": ("symbol_config",),
        "24hr": ("ticker_24hr",),
        "GET v1/order": ("order_open",),
        "POST v1/order": ("order_created",),
        "v1/leverage": ("set_leverage",),
        "marginType": ("set_margin_type",),
        "leverageBracket": ("leverage_bracket",),
        "dual": ("position_mode",),
        "apiRestrictions": ("api_restrictions",),
        "multiAssetsMargin": ("multi_assets_mode",),
        "depth": ("depth",),
    },
    "okx": {
        "public/instruments": ("instruments",),
        "account/balance": ("balance",),
        "account/positions": ("position_cross", "position_isolated"),
        "market/ticker": ("ticker",),
        "trade/order": ("order_filled", "order_spot"),
        "batch-orders": ("order_created",),
        "leverage-info": ("leverage_info",),
        "set-leverage": ("set_leverage",),
        "account/config": ("account_config",),
        "market/books": ("order_book",),
    },
    "hyperliquid": {
        "metaAndAssetCtxs": ("meta_and_asset_contexts",),
        "clearinghouseState": ("state_isolated_long", "state_isolated_short", "state_cross"),
        "orderStatus": ("status_open", "status_filled", "status_canceled"),
        "order": ("order_filled",),
        "updateLeverage": ("set_leverage",),
        "l2Book": ("book",),
    },
}
"""Which recorded answers show the shape of which request."""


def shape_of(name: str, recorded: tuple[str, ...]) -> Any:  # noqa: ANN401 - a Shape
    """Names count everywhere, types only where the keepers left numbers as they were."""
    folder = RECORDED / name
    texts = [(json.loads((folder / f"{one}.json").read_text())["kind"], read_recorded(folder, one)) for one in recorded]
    return derive(({"body": body}, "quoted as text" not in kind) for kind, body in texts)


@pytest.mark.parametrize("name", EXCHANGES)
def test_the_small_servers_answer_in_the_shape_of_the_recorded_answers(name: str) -> None:
    async def scene(foreign: Foreign) -> None:
        exchange = (await foreign.ready()).exchange
        await foreign.trade(Side.BUY, "0.02")
        await exchange.read_snapshot()
        await exchange.read_book(BTC)
        await exchange.inspect([BTC])
        answers = foreign.server.answers
        met: dict[str, list[str]] = {}
        for request, recorded in SHAPES[name].items():
            method, _, ending = request.rpartition(" ")
            bodies = [body for asked, body in answers if asked.endswith(ending) and asked.startswith(method)]
            assert bodies, request
            met[request] = differences(shape_of(name, recorded), {"body": bodies[-1]})
        assert {request: found for request, found in met.items() if found} == {}

    play_foreign(name, scene)


def test_a_recorded_refusal_and_the_servers_own_have_the_same_shape() -> None:
    recorded = read_recorded(RECORDED, "binance/error_insufficient")
    assert isinstance(recorded, Status)

    async def scene(foreign: Foreign) -> None:
        exchange = (await foreign.ready()).exchange
        foreign.server.refuse_next = "insufficient"
        await exchange.submit_order(foreign.intent(Side.BUY, "0.02"))
        assert foreign.server.answers[-1][1].keys() == recorded.body.keys()  # type: ignore[attr-defined]  # a dict

    play_foreign("binance", scene)


@pytest.mark.parametrize("name", EXCHANGES)
def test_a_coin_without_a_perpetual_is_named_with_the_reason_and_never_sent(name: str) -> None:
    async def scene(foreign: Foreign) -> None:
        exchange = (await foreign.ready()).exchange
        found = next(one for one in (await exchange.inspect([UNLISTED])).findings if one.topic == UNLISTED)
        assert found.what == "not listed on this exchange"
        assert "a spot market of that name can be held neither short nor with leverage" in found.remedy
        outcome = await exchange.submit_order(replace(foreign.intent(Side.BUY, "0.02"), symbol=UNLISTED))
        assert isinstance(outcome, RefusedOutcome)
        assert "lists no perpetual of that name" in outcome.detail
        assert foreign.server.orders == {}

    play_foreign(name, scene)


@pytest.mark.parametrize("name", EXCHANGES)
def test_ccxts_own_class_is_used_without_its_retries_and_its_throttle(name: str) -> None:
    async def scene(foreign: Foreign) -> None:
        raw = foreign.exchange.connection.raw()
        assert type(raw) is getattr(ccxt, find_dialect(name).profile.ccxt_id)
        assert raw.options["maxRetriesOnFailure"] == 0
        assert raw.enableRateLimit is False

    play_foreign(name, scene)


@pytest.mark.parametrize("name", EXCHANGES)
def test_several_accounts_of_one_exchange_have_labels_of_their_own(name: str) -> None:
    async def scene(foreign: Foreign) -> None:
        assert foreign.exchange.account == AccountId(name, "main")
        other = foreign.another("sub1")
        assert must_know((await other.read_snapshot()).equity) == 10_000
        assert str(other.account) == f"{name}::sub1"
        await other.close()

    play_foreign(name, scene, label="main")
