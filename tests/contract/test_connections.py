"""What a connection is made of, what it never shows, and that it ends when it is told to."""

import asyncio
import inspect
from dataclasses import replace

import ccxt.async_support as ccxt
import pytest

from account_processors.ccxt_client import CcxtClient
from account_processors.dialect import Profile
from account_processors.registry import connect, find_dialect
from config.accounts import AccountMode, AccountSettings
from core.model.failures import InvalidInput
from core.model.identity import AccountId
from core.model.order import Side, UnknownOutcome
from core.model.reading import Unknown
from paper.faults import Fault, FaultKind
from simulation.bare_world import ToldFacts
from simulation.exchange_bench import EXCHANGES, Bench, play
from simulation.virtual_time import VirtualClock, run_virtually

LIVE = {
    "bybit": "https://api.bybit.com",
    "blofin": "https://openapi.blofin.com",
    "kucoin": "https://api-futures.kucoin.com",
    "mexc": "https://api.mexc.com",
    "binance": "https://fapi.binance.com",
    "okx": "https://www.okx.com",
    "hyperliquid": "https://api.hyperliquid.xyz",
}
OURS = frozenset(
    (
        "apiKey",
        "secret",
        "password",
        "enableRateLimit",
        "timeout",
        "timeout_on_exit",
        "options",
        "session",
        "ssl_context",
        "has",
    )
)
"""All that we give a ccxt class; beside it only its addresses and its clock are set."""


@pytest.mark.parametrize("name", EXCHANGES)
def test_the_ccxt_class_is_unmodified_but_for_options_session_addresses_and_clock(name: str) -> None:
    async def scene(bench: Bench) -> None:
        ours = bench.exchange.connection.raw()
        plain = getattr(ccxt, find_dialect(name).profile.ccxt_id)({"enableRateLimit": False})
        assert type(ours) is type(plain)
        changed = {
            key
            for key, value in vars(ours).items()
            if key not in vars(plain) or (value != vars(plain)[key] and not callable(value))
        }
        allowed = OURS | {"apiKey", "urls", "milliseconds", "own_session", "origin", "userAgent", "logger"}
        camel = {"timeoutOnExit", "sslContext", "ownSession"}
        assert changed <= allowed | camel, changed - allowed - camel
        assert {key for key, value in vars(ours).items() if callable(value)} - set(vars(plain)) == {"milliseconds"}
        assert ours.options["maxRetriesOnFailure"] == 0
        assert ours.enableRateLimit is False

    play(name, scene)


def test_the_list_of_what_we_give_is_the_list_in_the_code() -> None:
    source = inspect.getsource(CcxtClient._build) + inspect.getsource(Profile)
    assert {word for word in OURS if f'"{word}"' not in source} == set()


@pytest.mark.parametrize("name", EXCHANGES)
def test_fault_91_no_secret_is_in_any_outcome_reading_or_repr(name: str) -> None:
    secrets: list[str] = []

    async def scene(bench: Bench) -> None:
        settings = bench.settings
        secrets.extend(text for text in settings.secrets if text)
        shown = [repr(settings), repr(bench.exchange), repr(vars(bench.exchange.connection)["_keys"])]
        await bench.ready()
        for kind in (FaultKind.HTML_PAGE, FaultKind.REVOKED_KEY, FaultKind.CUT_BEFORE, FaultKind.TRUNCATED):
            for endpoint in ("positions", "balance", "create_order"):
                bench.break_next(Fault(kind, endpoint=endpoint, status=503 if kind is FaultKind.HTML_PAGE else 0))
            shown.append(repr(await bench.exchange.read_snapshot()))
            shown.append(repr(await bench.exchange.submit_order(bench.intent(Side.BUY, "0.02"))))
        echo = Fault(FaultKind.WRONG_FIELD, endpoint="positions", field="code", value=settings.secret)
        bench.break_next(replace(echo, field="retCode") if name == "bybit" else echo)
        shown.append(repr(await bench.exchange.read_positions()))
        shown.append(repr(bench.told.events))
        found = [secret for secret in secrets for text in shown if secret in text]
        assert found == []

    play(name, scene)
    assert secrets


@pytest.mark.parametrize("name", EXCHANGES)
def test_cancelling_a_call_ends_its_request(name: str) -> None:
    async def scene(bench: Bench) -> None:
        await bench.ready()
        bench.break_next(Fault(FaultKind.HANG, endpoint="positions"))
        reading = asyncio.create_task(bench.exchange.read_positions())
        await bench.pause(0.1)
        door = bench.house.doors[name]
        assert door.in_flight == 1
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        await bench.pause(0.1)
        assert door.in_flight == 0

    play(name, scene)


@pytest.mark.parametrize("name", EXCHANGES)
def test_every_call_has_a_deadline_and_nothing_outlives_the_connection(name: str) -> None:
    async def scene(bench: Bench) -> None:
        before = asyncio.all_tasks()
        await bench.exchange.read_instruments()
        bench.house.faults.add(Fault(FaultKind.HANG, exchange=name, count=None))
        began = asyncio.get_running_loop().time()
        snapshot = await bench.exchange.read_snapshot()
        assert isinstance(snapshot.equity, Unknown)
        assert isinstance(await bench.exchange.submit_order(bench.intent(Side.BUY, "0.02")), UnknownOutcome)
        assert asyncio.get_running_loop().time() - began < 30
        waiting = asyncio.create_task(bench.exchange.read_snapshot())
        await bench.pause(0.1)
        await bench.exchange.close()
        await bench.exchange.close()
        await waiting
        assert isinstance(await bench.exchange.read_positions(), Unknown)
        ours = {task for task in asyncio.all_tasks() - before if task is not asyncio.current_task()}
        assert bench.base_url or ours == set()

    play(name, scene)


def _connect(mode: AccountMode, name: str, urls: dict[str, str] | None = None, **changes: object) -> None:
    settings = replace(
        AccountSettings(AccountId(name), mode, api_key="k" * 8, secret="s" * 8, passphrase="p" * 8, urls=urls or {}),
        **changes,  # type: ignore[arg-type]  # the test gives what it means
    )

    async def scene() -> None:
        clock = VirtualClock(asyncio.get_running_loop())
        await connect(settings, clock, ToldFacts()).close()

    run_virtually(scene())


@pytest.mark.parametrize("name", LIVE)
def test_live_paper_and_sandbox_never_mix(name: str) -> None:
    _connect(AccountMode.LIVE, name)
    _connect(AccountMode.SANDBOX, name, {"base": "http://127.0.0.1:8080"})
    with pytest.raises(InvalidInput, match="takes no urls"):
        _connect(AccountMode.LIVE, name, {"base": "http://127.0.0.1:8080"})
    for mode in (AccountMode.PAPER, AccountMode.SANDBOX):
        with pytest.raises(InvalidInput, match="needs urls"):
            _connect(mode, name)
        with pytest.raises(InvalidInput, match="live host"):
            _connect(mode, name, {"base": LIVE[name]})
        with pytest.raises(InvalidInput, match="live host"):
            _connect(mode, name, {"base": "https://api.{hostname}"})


@pytest.mark.parametrize("name", EXCHANGES)
def test_fault_34_a_missing_part_of_the_key_is_named(name: str) -> None:
    with pytest.raises(InvalidInput, match="api_key, api_secret"):
        _connect(AccountMode.LIVE, name, api_key="", secret="")
    if find_dialect(name).profile.needs_passphrase:
        with pytest.raises(InvalidInput, match="api_passphrase"):
            _connect(AccountMode.LIVE, name, passphrase="")


def test_an_exchange_that_nobody_knows_is_refused_by_name() -> None:
    with pytest.raises(InvalidInput, match="nosuchexchange"):
        _connect(AccountMode.LIVE, "nosuchexchange")
