import asyncio
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from config.account_switches import AccountSwitches
from config.credentials_file import write_credentials
from config.home import Home
from config.key_providers.key_file import key_file_path
from config.key_providers.provider import Surroundings
from config.schemas.credentials import CREDENTIALS
from core.model.identity import AccountId
from core.model.policy import AccountPolicy
from operations.account_switches import apply_switches, follow_switches
from operations.file_problems import watch_problems
from simulation.bare_world import ToldFacts
from simulation.virtual_time import run_virtually

KEYS = {"api_key": "CANARY-key", "api_secret": "CANARY-secret"}


@dataclass
class Account:
    policy: AccountPolicy
    woken: int = 0

    def wake(self) -> None:
        self.woken += 1


@dataclass
class Desk:
    home: Home
    switches: AccountSwitches
    accounts: list[Account]
    told: ToldFacts = field(default_factory=ToldFacts)

    def look(self) -> list[bool]:
        apply_switches(self.switches.load(), self.accounts, self.told)
        return [account.policy.is_enabled for account in self.accounts]

    def edit(self, change: dict[str, Any]) -> None:
        document = json.loads(self.home.credentials.read_bytes())
        for name, wishes in change.items():
            document[name] |= wishes
        self.home.credentials.write_text(json.dumps(document))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    home = Home(tmp_path / "home")
    home.path.mkdir()
    around = Surroundings(home, {"XDG_CONFIG_HOME": str(tmp_path / "xdg")})
    document = CREDENTIALS.validate_python({"bybit": KEYS, "mexc": {**KEYS, "api_key": "CANARY-other"}})
    write_credentials(home, document, around)
    key_file_path(around).unlink()
    accounts = [Account(AccountPolicy(AccountId(name))) for name in ("bybit", "mexc")]
    return Desk(home, AccountSwitches(home), accounts)


def test_an_account_is_disabled_and_enabled_without_its_key_and_woken_each_time(desk: Desk) -> None:
    assert desk.look() == [True, True]
    desk.edit({"mexc": {"enabled": False}})
    assert desk.look() == [True, False]
    assert desk.look() == [True, False]
    desk.edit({"mexc": {"enabled": True}})
    assert desk.look() == [True, True]

    assert [account.woken for account in desk.accounts] == [0, 2]
    assert desk.told.names() == ["account disabled", "account enabled"]


def test_an_invalid_file_switches_nothing_and_is_told(desk: Desk) -> None:
    desk.edit({"mexc": {"enabled": False}})
    desk.look()
    desk.edit({"bybit": {"enabled": 0}, "mexc": {"enabled": True}})

    assert desk.look() == [True, False]
    assert "bybit.enabled" in desk.switches.problem()
    assert "CANARY" not in desk.switches.problem()


def test_a_vanished_account_or_file_switches_nothing(desk: Desk) -> None:
    desk.edit({"mexc": {"enabled": False}})
    desk.look()
    desk.edit({"mexc": {"api_key": "", "api_secret": ""}})
    assert desk.look() == [True, False]

    desk.home.credentials.unlink()
    assert desk.look() == [True, False]


def test_a_running_engine_follows_the_file_and_tells_an_invalid_one_once(desk: Desk) -> None:
    async def story() -> None:
        tasks = [
            asyncio.create_task(follow_switches(desk.switches, desk.accounts, desk.told)),
            asyncio.create_task(watch_problems((desk.switches,), desk.told)),
        ]
        for change in ({"enabled": 0}, {"enabled": False}):
            desk.edit({"mexc": change})
            await asyncio.sleep(5)
        for task in tasks:
            task.cancel()

    run_virtually(story())

    assert desk.told.names() == ["settings invalid, last valid ones stay", "account disabled", "settings valid"]
