"""Paper accounts across restarts, one process at a time, and what the operator asks from another."""

import asyncio
import json
from decimal import Decimal
from pathlib import Path

import pytest

from core.model.failures import InvalidInput
from core.model.order import Side
from core.model.position import MarginMode
from paper.account import Leg, OrderRequest, OrderType
from paper.effects import MarketState
from paper.faults import Fault, FaultKind
from paper.house import PaperHouse, accounts_file, requests_folder
from paper.operator_requests import (
    AddFault,
    ClearFaults,
    Deposit,
    HouseRequest,
    MovePrice,
    Reset,
    SetMarketState,
    write_request,
)
from paper.refusals import Refused
from paper.rules import EXCHANGE_NAMES
from paper.storage import AccountsInUse, read_meta
from simulation.paper_clients import SteadyClock

D = Decimal
ETH = {"bybit": "ETHUSDT", "blofin": "ETH-USDT", "kucoin": "ETHUSDTM", "mexc": "ETH_USDT"}


def stop(house: PaperHouse) -> None:
    asyncio.run(house.close())


def request(name: str, client_order_id: str, **changes: object) -> OrderRequest:
    details: dict[str, object] = {
        "margin_mode": MarginMode.ISOLATED,
        "leverage": D(3),
        "leg": Leg.LONG if name == "mexc" else Leg.NET,
        "client_order_id": client_order_id,
        "tags": (("brokerId", "b"),),
        **changes,
    }
    return OrderRequest(ETH[name], Side.BUY, D(20), **details)  # type: ignore[arg-type]  # the fields of the request


@pytest.mark.parametrize("name", EXCHANGE_NAMES)
def test_everything_about_an_account_is_as_it_was_after_a_restart(
    name: str, clock: SteadyClock, tmp_path: Path
) -> None:
    house = PaperHouse(clock, seed=9, folder=tmp_path)
    keys = house.open_account(name, "main", D(70_000))
    venue, account = house.exchanges[name], house.account(name, "main")
    venue.set_leverage(account, ETH[name], D(4), MarginMode.ISOLATED, Leg.LONG)
    filled = venue.place_order(account, request(name, "one"))
    venue.place_order(account, request(name, "two", order_type=OrderType.LIMIT, price=D(1_000)))
    clock.pass_seconds(9 * 3_600)
    house.look()
    stop(house)

    again = PaperHouse(clock, folder=tmp_path)
    kept = again.account(name, "main")

    assert again.open_account(name, "main") == keys
    assert again.world.seed == 9
    for field in ("wallet", "deposited", "realized", "fees", "funding", "leverages", "margin_mode", "hedged"):
        assert getattr(kept, field) == getattr(account, field), field
    assert kept.funding != 0
    assert kept.positions == account.positions
    assert (kept.orders, kept.open_ids, list(kept.fills)) == (account.orders, account.open_ids, list(account.fills))
    assert again.exchanges[name].find_order(kept, client_order_id="one") == filled
    assert again.exchanges[name].last_number == venue.last_number
    stop(again)


def test_a_client_id_stays_used_after_a_restart(clock: SteadyClock, tmp_path: Path) -> None:
    house = PaperHouse(clock, folder=tmp_path)
    house.open_account("bybit", "main", D(70_000))
    house.exchanges["bybit"].place_order(house.account("bybit", "main"), request("bybit", "one"))
    stop(house)

    again = PaperHouse(clock, folder=tmp_path)
    with pytest.raises(Refused, match="duplicate"):
        again.exchanges["bybit"].place_order(again.account("bybit", "main"), request("bybit", "one"))
    stop(again)


def test_an_order_is_on_disk_before_its_answer(clock: SteadyClock, tmp_path: Path) -> None:
    house = PaperHouse(clock, folder=tmp_path)
    house.open_account("bybit", "main", D(70_000))
    house.exchanges["bybit"].place_order(house.account("bybit", "main"), request("bybit", "one"))
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in tmp_path.glob("accounts.sqlite*"):
        (copy / path.name).write_bytes(path.read_bytes())

    crashed = PaperHouse(clock, folder=copy)

    assert crashed.account("bybit", "main").positions == house.account("bybit", "main").positions
    stop(crashed)
    stop(house)


def test_two_processes_cannot_keep_the_same_accounts(clock: SteadyClock, tmp_path: Path) -> None:
    house = PaperHouse(clock, folder=tmp_path)

    with pytest.raises(AccountsInUse, match="another process"):
        PaperHouse(clock, folder=tmp_path)

    assert read_meta(accounts_file(tmp_path))["seed"] == "1"
    stop(house)
    stop(PaperHouse(clock, folder=tmp_path))


def ask(tmp_path: Path, *requests: HouseRequest) -> None:
    for one in requests:
        write_request(requests_folder(tmp_path), one)


def test_what_the_operator_asks_is_applied_once_and_in_order(clock: SteadyClock, tmp_path: Path) -> None:
    house = PaperHouse(clock, folder=tmp_path)
    house.open_account("bybit", "main", D(1_000))
    fault = Fault(FaultKind.PARTIAL_FILL, exchange="bybit", count=None, share=D("0.25"))
    ask(tmp_path, Deposit("bybit::main", D(500)), Reset("bybit::main", D(70)), Deposit("bybit::main", D("0.5")))
    ask(tmp_path, MovePrice("BTC", pin=D(123)), MovePrice("ETH", factor=D(2)), AddFault(fault))

    outcomes = house.look()

    assert all(outcome.is_done for outcome in outcomes), outcomes
    assert house.account("bybit", "main").wallet == D("70.5")
    assert house.world.index("BTC", house.world.now_ms()) == 123
    assert list(house.faults.in_force().values()) == [fault]
    assert house.look() == []
    stop(house)

    again = PaperHouse(clock, folder=tmp_path)
    assert again.world.index("BTC", again.world.now_ms()) == 123
    assert again.account("bybit", "main").wallet == D("70.5")
    ask(tmp_path, MovePrice("BTC"), ClearFaults())
    again.look()
    assert again.world.index("BTC", again.world.now_ms()) > 10_000
    stop(again)


def test_faults_go_on_after_a_restart_with_what_is_left_of_them(clock: SteadyClock, tmp_path: Path) -> None:
    lost = Fault(FaultKind.ANSWER_LOST, exchange="bybit", endpoint="create_order", skip=1, count=2)
    lasting = Fault(FaultKind.PARTIAL_FILL, count=None, share=D("0.25"))
    house = PaperHouse(clock, folder=tmp_path)
    for fault in (lost, lasting, Fault(FaultKind.HANG, count=1)):
        house.faults.add(fault)
    for _ in range(2):
        house.faults.draw("bybit", "main", "create_order", "ETHUSDT", house.world.now_ms())
    stop(house)

    again = PaperHouse(clock, folder=tmp_path)
    assert again.faults.in_force() == {1: lost, 2: lasting}
    assert again.faults.draw("bybit", "main", "create_order", "ETHUSDT", again.world.now_ms()) == [lost, lasting]
    assert again.faults.in_force() == {2: lasting}
    assert again.faults.add(lost) == 3
    again.faults.clear()
    stop(again)

    healed = PaperHouse(clock, folder=tmp_path)
    assert healed.faults.in_force() == {}
    stop(healed)


def test_a_halted_and_a_delisted_market_stay_so_after_a_restart(clock: SteadyClock, tmp_path: Path) -> None:
    house = PaperHouse(clock, folder=tmp_path)
    house.open_account("bybit", "main", D(70_000))
    house.exchanges["bybit"].place_order(house.account("bybit", "main"), request("bybit", "one"))
    ask(tmp_path, SetMarketState("bybit", "DOGEUSDT", MarketState.HALTED))
    ask(tmp_path, SetMarketState("bybit", "ETHUSDT", MarketState.DELISTED))
    ask(tmp_path, SetMarketState("mexc", "DOGEUSDT", MarketState.HALTED))
    outcomes = house.look()
    assert [outcome.is_done for outcome in outcomes] == [True, True, False]
    assert "there is no market 'DOGEUSDT'" in outcomes[2].text
    assert house.account("bybit", "main").positions == {}
    stop(house)

    again = PaperHouse(clock, folder=tmp_path)
    venue, account = again.exchanges["bybit"], again.account("bybit", "main")
    for symbol, state in (("DOGEUSDT", MarketState.HALTED), ("ETHUSDT", MarketState.DELISTED)):
        assert venue.state(symbol) is state
    with pytest.raises(Refused):
        venue.place_order(account, request("bybit", "two"))
    again.set_market_state("bybit", "ETHUSDT", MarketState.LIVE)
    stop(again)

    resumed = PaperHouse(clock, folder=tmp_path)
    resumed.exchanges["bybit"].place_order(resumed.account("bybit", "main"), request("bybit", "two"))
    stop(resumed)


def test_a_request_that_cannot_be_done_says_why_and_does_not_come_back(clock: SteadyClock, tmp_path: Path) -> None:
    house = PaperHouse(clock, folder=tmp_path)
    house.open_account("bybit", "main", D(1_000))
    ask(tmp_path, Deposit("bybit::nobody", D(5)), Deposit("bybit::main", D(-2_000)), MovePrice("NOCOIN", pin=D(1)))
    (requests_folder(tmp_path) / "000000000009.json").write_text(json.dumps({"kind": "nonsense"}))

    outcomes = house.look()

    assert [outcome.is_done for outcome in outcomes] == [False] * 4
    assert "nobody" in outcomes[0].text
    assert house.account("bybit", "main").wallet == 1_000
    assert house.look() == []
    stop(house)


def test_the_house_looks_at_requests_as_it_is_used(clock: SteadyClock, tmp_path: Path) -> None:
    house = PaperHouse(clock, folder=tmp_path)
    house.open_account("bybit", "main", D(1_000))
    ask(tmp_path, Deposit("bybit::main", D(5)))
    session = house.session()

    async def use() -> None:
        await session.get(f"{house.urls('bybit')['public']}/v5/market/time")

    clock.pass_seconds(2)
    asyncio.run(use())

    assert house.account("bybit", "main").wallet == 1_005
    stop(house)


def test_an_unknown_exchange_is_named_with_those_that_exist(clock: SteadyClock) -> None:
    with pytest.raises(InvalidInput, match=r"binance.*kucoin"):
        PaperHouse(clock).open_account("binance")
