"""An exchange that another installed package brings, found by its entry point and driven by the same contract."""

from decimal import Decimal
from pathlib import Path
from textwrap import dedent

import pytest

from account_processors.registry import connect, find_dialect
from config.accounts import AccountMode, AccountSettings
from core.model.failures import InvalidInput
from core.model.identity import AccountId
from core.model.order import Accepted, Side
from simulation.bare_world import ToldFacts
from simulation.exchange_bench import BTC, Bench, keyed, must_know, play

ADAPTER = """
    from dataclasses import replace

    from account_processors.kucoin import Kucoin


    class Acme(Kucoin):
        profile = replace(Kucoin.profile, name="acme")


    NOT_A_DIALECT = object()
"""


@pytest.fixture
def acme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "acme_exchange.py").write_text(dedent(ADAPTER))
    metadata = tmp_path / "acme_exchange-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-exchange\nVersion: 1.0\n")
    entries = "[trade_engine.exchanges]\nacme = acme_exchange:Acme\nbroken = acme_exchange:NOT_A_DIALECT\n"
    entries += "absent = no_such_module:Acme\n"
    (metadata / "entry_points.txt").write_text(entries)
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.usefixtures("acme")
def test_an_installed_package_brings_an_exchange() -> None:
    async def scene(bench: Bench) -> None:
        keys = bench.house.open_account("kucoin", "acme", Decimal(5_000))
        plain = AccountSettings(AccountId("acme"), AccountMode.PAPER)
        settings = keyed(plain, AccountId("acme", "one"), keys)
        session, urls = bench.house.session(), bench.house.urls("kucoin")
        exchange = connect(settings, bench.clock, ToldFacts(), session=session, urls=urls)
        assert must_know((await exchange.read_snapshot()).equity) == 5_000
        assert BTC in must_know(await exchange.read_instruments())
        assert isinstance(await exchange.submit_order(bench.intent(Side.BUY, "0.02")), Accepted)
        assert str(exchange.account) == "acme::one"
        await exchange.close()

    play("kucoin", scene)


@pytest.mark.usefixtures("acme")
def test_an_entry_point_that_is_no_dialect_is_refused() -> None:
    with pytest.raises(InvalidInput, match="not a Dialect"):
        find_dialect("broken")
    with pytest.raises(InvalidInput, match="cannot be loaded"):
        find_dialect("absent")
