"""The engine's paper accounts: the adapter of a live one in front of an exchange of our own, kept across restarts."""

import socket
from decimal import Decimal
from pathlib import Path
from typing import NoReturn

import pytest

from commands.doctor_accounts import inspect_accounts
from config.accounts import AccountMode, AccountSettings
from config.engine_settings import ENGINE_SETTINGS
from config.home import Home
from core.model.failures import ExchangeFailure
from core.model.identity import AccountId
from core.model.reading import Known
from execute_trades import connect_all
from operations.wall_clock import WallClock
from paper.account import PaperKeys
from paper.house import PaperHouse, is_paper_host, is_paper_key
from paper.rules import EXCHANGE_NAMES
from simulation.bare_world import ToldFacts
from simulation.paper_clients import SteadyClock


class Silence:
    """core.ports.telemetry.Telemetry that keeps nothing."""

    def tell(self, event: str, **facts: object) -> None:
        """Nothing."""


async def equities(accounts: list[AccountSettings], folder: Path) -> dict[str, Decimal]:
    async with connect_all(accounts, WallClock(), Silence(), folder) as exchanges:
        snapshots = {str(account): await exchange.read_snapshot() for account, exchange in exchanges.items()}
    found = {}
    for account, snapshot in snapshots.items():
        assert isinstance(snapshot.equity, Known), snapshot
        found[account] = snapshot.equity.value
    return found


async def test_paper_accounts_of_the_engine_are_as_they_were_after_a_restart(tmp_path: Path) -> None:
    accounts = [
        AccountSettings(AccountId(name), AccountMode.PAPER, paper_balance_usdt=Decimal(1_000 + number))
        for number, name in enumerate(EXCHANGE_NAMES)
    ]
    first = await equities(accounts, tmp_path)

    between = PaperHouse(WallClock(), folder=tmp_path)
    between.deposit("kucoin", "", Decimal(500))
    await between.close()

    assert first == {name: 1_000 + number for number, name in enumerate(EXCHANGE_NAMES)}
    assert await equities(accounts, tmp_path) == {**first, "kucoin": first["kucoin"] + 500}


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def find_nothing(*_: object, **__: object) -> NoReturn:
        raise socket.gaierror(-3, "no network")

    monkeypatch.setattr(socket, "getaddrinfo", find_nothing)


@pytest.mark.usefixtures("no_network")
async def test_live_prices_that_cannot_be_had_leave_the_paper_accounts_out_and_say_why(tmp_path: Path) -> None:
    wanted = ENGINE_SETTINGS.validate_python({"paper": {"prices": "live"}})
    paper = AccountSettings(AccountId("bybit"), AccountMode.PAPER)
    live = AccountSettings(AccountId("mexc"), AccountMode.LIVE, api_key="k" * 20, secret="s" * 20)
    told = ToldFacts()

    async with connect_all([paper, live], WallClock(), told, tmp_path, wanted) as exchanges:
        assert list(exchanges) == [AccountId("mexc")]
    (facts,) = [facts for event, facts in told.events if event == "account left out"]
    assert "live prices: bybit cannot be reached" in str(facts["why"])
    with pytest.raises(ExchangeFailure, match=r"cannot be reached.*seeded walk \(paper.prices of engine_config.json"):
        async with connect_all([paper], WallClock(), told, tmp_path, wanted):
            pass
    async with connect_all([live], WallClock(), told, tmp_path, wanted) as exchanges:
        assert list(exchanges) == [AccountId("mexc")]


@pytest.mark.usefixtures("no_network")
async def test_the_doctor_says_that_live_prices_of_paper_accounts_cannot_be_had(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.engine_settings.write_text('{"paper": {"prices": "live"}}')

    passports = await inspect_accounts(home)

    assert [str(passport.account) for passport in passports] == ["bybit", "blofin", "kucoin", "mexc"]
    for passport in passports:
        assert "live prices: bybit cannot be reached" in passport.findings[0].what


async def test_a_paper_account_that_holds_a_live_key_is_left_out(tmp_path: Path) -> None:
    keyed = AccountSettings(AccountId("bybit"), AccountMode.PAPER, api_key="XYZ0123456789abcdef")
    kept = PaperHouse(WallClock(), folder=tmp_path)
    kept.exchanges["mexc"].open_account("", Decimal(5), PaperKeys("XYZ0123456789abcdef", "secret", ""))
    await kept.close()
    told = ToldFacts()

    accounts = [keyed, *(AccountSettings(AccountId(name), AccountMode.PAPER) for name in ("mexc", "kucoin"))]
    async with connect_all(accounts, WallClock(), told, tmp_path) as exchanges:
        assert list(exchanges) == [AccountId("kucoin")]

    whys = [str(facts["why"]) for event, facts in told.events if event == "account left out"]
    assert [why.partition(";")[0] for why in whys] == [
        "bybit: a paper account holds no live key",
        "mexc: a paper account holds no live key",
    ]
    assert "XYZ0" not in repr(told.events)


def test_paper_keys_and_hosts_are_told_from_live_ones(clock: SteadyClock) -> None:
    house = PaperHouse(clock)
    keys = [house.open_account(name, "a").api_key for name in EXCHANGE_NAMES]

    assert all(is_paper_key(key) for key in keys)
    assert len(set(keys)) == len(keys)
    assert not is_paper_key("XYZ0123456789abcdef")
    assert is_paper_host("bybit.paper.invalid")
    assert is_paper_host("127.0.0.1")
    assert not is_paper_host("api.bybit.com")
    assert not is_paper_host("paper.invalid.example.com")
