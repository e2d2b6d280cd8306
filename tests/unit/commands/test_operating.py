"""What the operator sees and does, over the files that a real engine in a simulated world left behind."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from commands import doctor_machine
from commands.app import app
from commands.status import look
from commands.status_stages import stage_lines
from config.consents import read_consents
from config.home import HOME_VARIABLE, Home
from core.model.identity import AccountId
from core.model.policy import AccountPolicy
from core.model.signal import SourceFrame, SourceSignal, SourceStatus
from core.model.standing import Verb
from operations.command_files import CommandFiles
from operations.control_api import make_control_api
from operations.engine_lock import EngineLock, running_engine
from operations.processes import Running
from operations.status_stages import CACHE, EXCHANGES, EXECUTION, MERGING, SOURCES
from operations.wall_clock import WallClock
from signal_endpoints.in_process import request
from signal_processors.depth_files import publish_frame
from simulation.bare_exchange import Fault
from simulation.bare_world import BTC, ETH, TRADINGVIEW, World
from simulation.virtual_time import run_virtually

D = Decimal
Story = Callable[[World], Awaitable[None]]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv(HOME_VARIABLE, str(folder))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    home = Home(folder)
    mapping = {"tradingview": {"BTCUSDT": "BTCUSDT", "ETHUSDT": "ETHUSDT"}}
    home.asset_mapping.write_text(json.dumps(mapping))
    write_weights(home.signal_weights, "1")
    return home


def write_weights(path: Path, weight: str) -> None:
    shares = [{"source": "tradingview", "weight": float(weight)}]
    path.write_text(json.dumps([{"symbol": coin, "leverage": 3, "sources": shares} for coin in ("BTCUSDT", "ETHUSDT")]))


def live_at(home: Home, story: Story, *policies: AccountPolicy) -> None:
    """Let a simulated engine write the journal and the last passes of a home."""

    async def main() -> None:
        world = World(home.state, policies or [AccountPolicy(AccountId("bybit"))])
        await story(world)
        world.journal.close()

    run_virtually(main())


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def as_json(*arguments: str) -> Any:  # noqa: ANN401 - JSON
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def bybit(status: Any) -> Any:  # noqa: ANN401 - JSON
    return next(account for account in status["accounts"] if account["account"] == "bybit")


async def enter(world: World) -> None:
    world.sources.say(BTC="0.1", ETH="-0.1")
    await world.cycle()


def test_status_shows_what_the_exchange_holds_within_one_pass_also_while_the_engine_is_down(home: Home) -> None:
    held: dict[str, Decimal] = {}

    async def story(world: World) -> None:
        await enter(world)
        world.sources.say(BTC="0.2", ETH="0")
        await world.cycle()
        held.update({symbol: world.held(symbol) for symbol in (BTC, ETH)})

    live_at(home, story)
    status = as_json("status")

    symbols = {symbol["symbol"]: symbol for symbol in bybit(status)["symbols"]}
    assert {name: D(symbol["held"]) for name, symbol in symbols.items()} == held
    assert {name: D(symbol["target"]) for name, symbol in symbols.items()} == held
    assert status["process_id"] is None
    assert all(symbol["is_confirmed"] for symbol in symbols.values())


def test_status_begins_with_the_flow_in_numbers_while_the_engine_is_down(home: Home) -> None:
    async def story(world: World) -> None:
        await enter(world)
        world.sources.say(BTC="0.2", ETH="0")
        await world.cycle()

    def counts() -> dict[str, dict[str, Any]]:
        return {stage["name"]: stage["counts"] for stage in as_json("status")["stages"]}

    assert list(counts()) == [*SOURCES.values(), MERGING, EXECUTION, *EXCHANGES.values(), CACHE]
    assert counts()[EXECUTION] == {
        "accounts": 4, "known_values": 0, "value_usdt": None, "passes": 0, "decisions": 0, "in_flight": 0,
    }  # fmt: skip
    live_at(home, story)
    publish(home)
    found = counts()

    assert (found["TradingView"]["frames"], found["TradingView"]["symbols"]) == (1, 2)
    assert found["Bittensor"] | {"weighted_symbols": 0, "frames": None} == found["Bittensor"]
    merging = found[MERGING]
    assert (merging["weighted_symbols"], merging["merged_symbols"], merging["targets_version"]) == (2, 2, 2)
    executing = found[EXECUTION]
    assert (executing["known_values"], D(executing["value_usdt"]) > 0, executing["decisions"]) == (1, True, 4)
    assert executing["passes"] >= 2
    here, elsewhere = found["ByBit"], found["MEXC"]
    assert [here[name] for name in ("accounts", "positions", "orders", "in_flight")] == [1, 1, 4, 0]
    assert (elsewhere["accounts"], elsewhere["orders"], elsewhere["answer_age_seconds"]) == (1, 0, None)
    assert (found[CACHE]["symbol_details"], found[CACHE]["orders"]) == (2, 4)


def test_status_counts_what_is_in_flight_and_no_weights_as_unknown(home: Home) -> None:
    async def story(world: World) -> None:
        world.exchange.inject("submit", Fault.ORDER_NEVER_ARRIVES)
        world.sources.say(BTC="0.1")
        await world.cycle()

    live_at(home, story)
    home.signal_weights.write_text("broken")
    found = {stage["name"]: stage["counts"] for stage in as_json("status")["stages"]}

    assert (found[EXECUTION]["in_flight"], found["ByBit"]["in_flight"], found["ByBit"]["positions"]) == (1, 1, 0)
    assert (found["TradingView"]["weighted_symbols"], found[MERGING]["weighted_symbols"]) == (None, None)


def test_the_flow_in_numbers_fits_a_terminal_of_80_columns_also_with_large_ones(home: Home) -> None:
    live_at(home, enter)
    publish(home)
    stages = look(home).stages
    large = [replace(stage, counts=dict.fromkeys(stage.counts, D(1_234_567))) for stage in stages]
    few = [replace(stage, counts=dict.fromkeys(stage.counts, 1)) for stage in stages]

    assert max(map(len, stage_lines(large))) <= 80
    said = "\n".join(stage_lines(few))
    assert "> SignalManager 1 of 1 weighted symbol merged, 1 held back\n" in said
    assert "> TradeExecutor 1 account, 1 USDT\n                1 pass, 1 decision, 1 in flight\n" in said
    shown = [line.rstrip() for line in run("status").stdout.splitlines()]
    begin = shown.index("")
    assert [line.split()[:2] for line in shown[begin + 1 : begin + 4]] == [
        ["TradingView", "frame"], ["Bittensor", "no"], [">", "SignalManager"],
    ]  # fmt: skip
    assert "  > KuCoin               1         0         0         0         0         -" in shown


def test_the_control_api_gives_the_same_state_and_changes_no_file(home: Home) -> None:
    live_at(home, enter)
    status = as_json("status")
    before = {path: path.read_bytes() for path in home.path.rglob("*") if path.is_file()}

    answer = asyncio.run(request(make_control_api(lambda: look(home)), method="GET", path="/state"))

    assert {path: path.read_bytes() for path in home.path.rglob("*") if path.is_file()} == before
    state, aged = json.loads(answer.body), {"at", "last_pass_age_seconds", "sources", "stages"}
    assert {name: state[name] for name in set(state) - {*aged, "accounts"}} == {
        name: status[name] for name in set(status) - {*aged, "accounts"}
    }
    assert [{**account, "last_pass_age_seconds": 0} for account in state["accounts"]] == [
        {**account, "last_pass_age_seconds": 0} for account in status["accounts"]
    ]
    assert D(bybit(state)["symbols"][0]["held"]) != 0


def test_status_names_gaps_orders_in_flight_and_why(home: Home) -> None:
    async def story(world: World) -> None:
        world.exchange.inject("submit", Fault.ORDER_NEVER_ARRIVES)
        world.sources.say(BTC="0.1")
        await world.cycle()

    live_at(home, story)
    (symbol,) = bybit(as_json("status"))["symbols"]

    assert (D(symbol["gap"]), symbol["is_confirmed"]) == (D("0.06"), False)
    (order,) = symbol["in_flight"]
    assert (order["side"], D(order["quantity"]), order["phase"]) == ("buy", D("0.06"), "unknown")
    assert "not found yet" in symbol["why"]
    assert "in flight: buy 0.06 unknown" in run("status").stdout


def test_status_says_what_was_never_read_and_check_tells_by_exit_code(home: Home) -> None:
    assert "no engine has run on this data yet; start it first" in as_json("status")["problems"][0]
    assert run("status", "--check").exit_code == 1

    live_at(home, enter)
    with EngineLock(home.engine_lock):
        publish(home)
        assert run("status", "--check").exit_code == 0


def publish(home: Home, btc: str = "0.1", eth: str = "-0.1") -> None:
    now = WallClock().now()
    signals = tuple(
        SourceSignal(TRADINGVIEW, name, D(depth), now) for name, depth in (("BTCUSDT", btc), ("ETHUSDT", eth))
    )
    frame = SourceFrame(TRADINGVIEW, 1, now, now, None, SourceStatus.OK, "", authenticated=True, signals=signals)
    publish_frame(home, frame)


def test_status_tells_of_a_full_disk_and_of_a_service_that_runs_twice(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    live_at(home, enter)
    assert as_json("status")["problems"] == []

    monkeypatch.setattr(doctor_machine, "LEAST_FREE_BYTES", 10**18)
    twice = [Running("bittensor-signals", 1), Running("bittensor-signals", 2)]
    monkeypatch.setattr(doctor_machine, "running_services", lambda _: twice)

    processes, disk = as_json("status")["problems"]
    assert processes == "bittensor-signals runs 2 times (processes 1, 2); stop all but one: kill NUMBER"
    assert "GB free" in disk
    with EngineLock(home.engine_lock):
        assert run("status", "--check").exit_code == 1


def test_explain_leads_from_the_signal_to_the_fill(home: Home) -> None:
    live_at(home, enter)

    steps = [(step["what"], step["text"]) for step in as_json("explain", "bybit", "BTCUSDT")]

    assert [what for what, _ in steps] == [
        "signal", "merged", "size", "target", "order", "accepted", "filled", "confirmed", "held", "remains",
    ]  # fmt: skip
    texts = dict(steps)
    assert texts["signal"].startswith("tradingview: depth 0.1 ")
    assert texts["size"] == "value 10000 USDT x depth x leverage = 3000 USDT / price 50000 = 0.06"
    assert texts["order"].startswith("buy 0.06 (leverage 3, isolated)")
    assert texts["remains"] == "nothing: the target is held"


def test_explain_says_why_there_is_no_order(home: Home) -> None:
    async def story(world: World) -> None:
        del world.exchange.prices[ETH]
        world.sources.say(BTC="0.00001", ETH="0.1")
        await world.cycle()

    live_at(home, story)

    assert "below the exchange's minimum of 0.001" in run("explain", "bybit", "BTCUSDT").stdout
    assert "no order, because price unknown" in run("explain", "bybit", "ETHUSDT").stdout
    assert "no source has ever asked" in run("explain", "bybit", "TAOUSDT").stdout


def test_explain_tells_a_foreign_change_and_what_it_led_to(home: Home) -> None:
    async def story(world: World) -> None:
        await enter(world)
        world.exchange.positions[BTC] = D("0.02")
        await world.outlast_doubt()

    live_at(home, story)
    shown = run("explain", "bybit", "BTCUSDT").stdout

    assert "0.02 counts as ours" in shown
    assert "reduce_only by engine: the exchange holds 0.02, our fills explain 0.06" in shown


@pytest.mark.parametrize(
    ("arguments", "verb", "scope"),
    [
        (("halt",), "halt", "engine"),
        (("halt", "bybit", "BTCUSDT", "--reduce-only"), "reduce_only", "bybit BTCUSDT"),
        (("halt", "--source", "bittensor"), "halt", "source bittensor"),
        (("flatten", "bybit", "--yes"), "flatten", "bybit"),
        (("resume",), "resume", "engine"),
        (("adopt", "bybit", "BTCUSDT", "--yes"), "adopt", "bybit BTCUSDT"),
    ],
)
def test_commands_are_left_for_the_engine_with_who_when_and_why(
    home: Home, arguments: tuple[str, ...], verb: str, scope: str
) -> None:
    told = as_json(*arguments, "--why", "because")

    (command,) = CommandFiles(home.operator_commands, _Silent()).pending(0)
    assert (command.verb, str(command.scope), command.why, bool(command.by)) == (verb, scope, "because", True)
    assert (told["number"], told["state"], told["engine_runs"]) == (command.number, "waiting", False)


class _Silent:
    def tell(self, event: str, **facts: object) -> None:
        raise AssertionError((event, facts))


def test_a_command_about_an_unknown_account_is_refused_and_one_that_costs_money_is_asked(home: Home) -> None:
    refused = run("halt", "nobody")
    declined = CliRunner().invoke(app, ["flatten"], input="n\n")

    assert (refused.exit_code, declined.exit_code) == (2, 1)
    assert "nobody is not one of bybit, blofin, kucoin, mexc" in refused.stderr
    assert CommandFiles(home.operator_commands, _Silent()).pending(0) == []


def test_a_command_about_an_unknown_source_is_refused_and_one_the_weights_name_is_taken(home: Home) -> None:
    shares = [{"source": "moon", "weight": 0.1}]
    home.signal_weights.write_text(json.dumps([{"symbol": "BTCUSDT", "leverage": 3, "sources": shares}]))

    refused = run("halt", "--source", "tradingveiw")

    assert refused.exit_code == 2
    assert "tradingveiw is not one of tradingview, bittensor, moon" in refused.stderr
    assert run("halt", "--source", "moon").exit_code == 0
    home.signal_weights.write_text("broken")
    assert run("halt", "--source", "bittensor").exit_code == 0


def test_a_symbol_that_nobody_trades_or_saw_is_not_adopted(home: Home) -> None:
    refused = run("adopt", "bybit", "BTCUSD", "--yes")

    assert refused.exit_code == 2
    assert "BTCUSD is not one of BTCUSDT, ETHUSDT" in refused.stderr
    assert CommandFiles(home.operator_commands, _Silent()).pending(0) == []


def test_explaining_an_account_that_nobody_configured_is_wrong_usage(home: Home) -> None:
    live_at(home, enter)

    refused = run("explain", "bibyt", "BTCUSDT")

    assert refused.exit_code == 2
    assert "bibyt is not one of bybit, blofin, kucoin, mexc" in refused.stderr


def test_a_running_engine_applies_a_command_and_the_caller_is_told(home: Home) -> None:
    live_at(home, enter)
    home.operator_commands.mkdir(parents=True)

    async def story(world: World) -> None:
        files = CommandFiles(home.operator_commands, world.told)
        world.executor._inbox = files
        with EngineLock(home.engine_lock):
            call = asyncio.get_running_loop().run_in_executor(None, run, "halt", "bybit", "--json")
            while not call.done():
                await world.executor.execute()
                await asyncio.sleep(0.05)
            told.append((await call).stdout)

    async def main() -> None:
        world = World(home.state, [AccountPolicy(AccountId("bybit"))])
        await story(world)
        world.journal.close()

    told: list[str] = []
    asyncio.run(main())

    assert json.loads(told[0])["state"] == "applied"
    assert as_json("status")["halts"][0]["scope"] == "bybit"


def test_preview_shows_the_orders_and_their_cost_and_changes_nothing_until_applied(home: Home, tmp_path: Path) -> None:
    live_at(home, enter)
    publish(home)
    before, candidate = home.signal_weights.read_bytes(), tmp_path / "candidate.json"
    write_weights(candidate, "0.5")

    rows = {row["symbol"]: row for row in as_json("preview", "--weights", str(candidate))["symbols"] if row["held"]}

    (order,) = rows["BTCUSDT"]["orders"]
    assert (order["side"], D(order["quantity"]), order["purpose"]) == ("sell", D("0.03"), "reduce")
    assert D(rows["BTCUSDT"]["target"]) == D("0.03")
    assert D(rows["BTCUSDT"]["cost"]) == D("0.9")  # 0.06 % of 1,500 USDT
    assert home.signal_weights.read_bytes() == before
    as_json("preview", "--weights", str(candidate), "--apply")
    assert home.signal_weights.read_bytes() == candidate.read_bytes()


def test_preview_without_a_change_has_no_order_and_an_invalid_candidate_is_refused(home: Home, tmp_path: Path) -> None:
    live_at(home, enter)
    publish(home)
    candidate = tmp_path / "candidate.json"
    write_weights(candidate, "1.5")

    assert [row["orders"] for row in as_json("preview")["symbols"] if row["held"]] == [[], []]
    assert run("preview", "--weights", str(candidate), "--apply").exit_code == 78


def test_preview_says_what_would_keep_an_order_from_being_sent(home: Home) -> None:
    async def story(world: World) -> None:
        await enter(world)
        world.exchange.positions[BTC] = D("0.02")
        await world.outlast_doubt()

    live_at(home, story)
    publish(home)

    (row,) = [row for row in as_json("preview")["symbols"] if row["account"] == "bybit" and row["symbol"] == "BTCUSDT"]

    assert row["orders"][0]["purpose"] == "increase"
    assert row["why"].startswith("reduce_only: engine: the exchange holds 0.02")


def previewed(*arguments: str) -> dict[str, Any]:
    return {row["symbol"]: row for row in as_json("preview", *arguments)["symbols"] if row["account"] == "bybit"}


def test_preview_leaves_out_the_changes_of_a_source_that_are_too_small_to_follow(home: Home) -> None:
    live_at(home, enter)
    publish(home, btc="0.103", eth="-0.12")
    home.engine_settings.write_text(json.dumps({"sources": {"tradingview": {"min_depth_change_ratio": 0.05}}}))

    rows = previewed()

    assert (rows["BTCUSDT"]["orders"], D(rows["BTCUSDT"]["target"])) == ([], D("0.06"))
    assert [order["purpose"] for order in rows["ETHUSDT"]["orders"]] == ["increase"]


@pytest.mark.parametrize(("verb", "purposes"), [(Verb.HALT, []), (Verb.FLATTEN, ["close"])])
def test_preview_heeds_what_the_operator_set_over_a_source(home: Home, verb: Verb, purposes: list[str]) -> None:
    async def story(world: World) -> None:
        await enter(world)
        world.commands.give(verb, source="tradingview")
        await world.executor.execute()

    live_at(home, story)
    publish(home, btc="0.2")

    assert [order["purpose"] for order in previewed()["BTCUSDT"]["orders"]] == purposes


def test_preview_shares_the_accounts_cap_between_its_symbols_as_the_engine_does(home: Home) -> None:
    live_at(home, enter)
    publish(home, btc="0.2", eth="-0.2")
    home.engine_settings.write_text(json.dumps({"risk": {"max_account_notional_usd": 7000}}))

    rows = previewed()

    assert (D(rows["BTCUSDT"]["target"]), D(rows["ETHUSDT"]["target"])) == (D("0.08"), D("-1.2"))
    assert "7000 USDT per account" in rows["BTCUSDT"]["why"]


LIVE = {"bybit": {"api_key": "key-one", "api_secret": "secret-one", "mode": "live"}}


def test_arm_shows_value_and_caps_and_a_new_key_is_unarmed_again(home: Home) -> None:
    home.credentials.write_text(json.dumps(LIVE))
    home.credentials.chmod(0o600)
    live_at(home, enter, AccountPolicy(AccountId("bybit"), is_live=True))
    declined = CliRunner().invoke(app, ["arm", "bybit"], input="n\n")
    assert (declined.exit_code, read_consents(home.consents)) == (1, {})
    assert "10000 USDT" in declined.stdout
    assert "key-one" not in declined.stdout

    assert as_json("arm", "bybit", "--yes")["state"].startswith("armed")
    assert bybit(as_json("status"))["is_armed"]
    home.credentials.write_text(json.dumps({"bybit": {**LIVE["bybit"], "api_key": "key-two"}}))
    assert not bybit(as_json("status"))["is_armed"]


def test_disarm_withdraws_the_consent(home: Home) -> None:
    home.credentials.write_text(json.dumps(LIVE))
    home.credentials.chmod(0o600)
    as_json("arm", "bybit", "--yes")

    assert as_json("arm", "bybit", "--disarm")["state"] == "disarmed"
    assert run("arm", "bybit", "--disarm").exit_code == 1
    assert not bybit(as_json("status"))["is_armed"]


def test_an_account_that_is_not_armed_says_what_it_would_send_and_sends_nothing(home: Home) -> None:
    async def story(world: World) -> None:
        await enter(world)
        assert world.exchange.calls.count("submit") == 0

    live_at(home, story, AccountPolicy(AccountId("bybit"), is_live=True, is_armed=False))
    symbols = {symbol["symbol"]: symbol["why"] for symbol in bybit(as_json("status"))["symbols"]}

    assert symbols["BTCUSDT"] == "not armed; would buy 0.06 (increase) at about 50000 USDT: ./engine arm bybit"


def test_the_running_engine_is_told_by_its_lock_and_looking_takes_none(home: Home, tmp_path: Path) -> None:
    assert running_engine(home.engine_lock) is None
    with EngineLock(home.engine_lock):
        holder = running_engine(home.engine_lock)
        assert holder == running_engine(home.engine_lock, tmp_path / "no list of locks")
    assert holder
    assert running_engine(home.engine_lock) is None


@pytest.mark.parametrize("command", ["status", "explain", "preview", "arm", "halt", "resume", "flatten", "adopt"])
def test_every_command_explains_itself_with_an_example(command: str) -> None:
    shown = run(command, "--help")

    assert shown.exit_code == 0
    assert f"./engine {command}" in shown.stdout
