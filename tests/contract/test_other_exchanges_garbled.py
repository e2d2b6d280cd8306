"""Whatever JSON Binance, OKX or Hyperliquid send, a call ends in one of its declared results; nothing is made up."""

import json
import random
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from account_processors.ccxt_client import CallSettings
from account_processors.passport import Passport
from core.model.order import Accepted, NotFound, OrderReport, RefusedOutcome, Side, UnknownOutcome
from core.model.position import MarginMode
from core.model.reading import Known, Unknown
from simulation.exchange_bench import BTC
from simulation.foreign_bench import SERVERS, Foreign, play_foreign
from simulation.foreign_servers import Breakage
from simulation.garbling import GARBAGE, garble, places

PATIENT = CallSettings(read_timeout_seconds=600.0, longest_wait_before_write_seconds=600.0, read_tries=1)


def garbling(chance: random.Random, nodes: int) -> Breakage:
    """One or more nodes of every answer replaced."""
    return Breakage(change=lambda status, text: (status, garble(text, chance, nodes)))


def talk(name: str, seed: int, nodes: int, rounds: int) -> None:
    async def scene(foreign: Foreign) -> None:
        exchange = (await foreign.ready()).exchange
        held = await foreign.trade(Side.BUY, "0.02")
        foreign.session.breakage = garbling(random.Random(seed), nodes)  # noqa: S311 - a seed makes it repeatable
        for _ in range(rounds):
            await exchange.refresh_instruments()
            snapshot = await exchange.read_snapshot()
            assert isinstance(snapshot.equity, Known | Unknown)
            assert isinstance(snapshot.positions, Known | Unknown)
            quote = (await exchange.read_quotes([BTC]))[BTC]
            assert isinstance(quote, Known | Unknown)
            assert isinstance(await exchange.read_settings(BTC), Known | Unknown)
            assert isinstance(await exchange.read_recent_client_ids(BTC), Known | Unknown)
            assert isinstance(await exchange.read_book(BTC), Known | Unknown)
            found = await exchange.find_order(BTC, held.client_order_id)
            assert isinstance(found, OrderReport | NotFound | UnknownOutcome)
            outcome = await exchange.submit_order(foreign.intent(Side.SELL, "0.001", reduce_only=True))
            assert isinstance(outcome, Accepted | RefusedOutcome | UnknownOutcome)
            outcome = await exchange.set_leverage(BTC, Decimal(4), MarginMode.ISOLATED)
            assert isinstance(outcome, Accepted | RefusedOutcome | UnknownOutcome)
            assert isinstance(await exchange.inspect([BTC]), Passport)

    play_foreign(name, scene, PATIENT)


@pytest.mark.parametrize("name", SERVERS)
@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 4))
def test_every_call_ends_in_one_of_its_declared_results(name: str, seed: int, nodes: int) -> None:
    talk(name, seed, nodes, rounds=1)


@pytest.mark.full
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", SERVERS)
@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 6))
def test_every_call_ends_in_one_of_its_declared_results_many_times(name: str, seed: int, nodes: int) -> None:
    talk(name, seed, nodes, rounds=3)


@pytest.mark.parametrize("name", SERVERS)
def test_no_single_garbled_node_of_the_positions_shows_an_account_as_flat(name: str) -> None:
    async def scene(foreign: Foreign) -> None:
        exchange = (await foreign.ready()).exchange
        await foreign.trade(Side.BUY, "0.02")
        shown: list[tuple[object, object]] = []
        place = {"binance": "positionRisk", "okx": "account/positions", "hyperliquid": "clearinghouseState"}[name]
        answer = next(body for asked, body in reversed(await asked_at(foreign, place)))
        for number, (_, key) in enumerate(places({"body": answer})):
            for garbage in GARBAGE:
                foreign.session.breakage = Breakage(place, replacing(number, garbage))
                reading = await exchange.read_positions()
                if isinstance(reading, Known) and reading.value == {}:
                    shown.append((key, garbage))
        assert [one for one in shown if not says_flat(*one)] == []

    play_foreign(name, scene, PATIENT)


async def asked_at(foreign: Foreign, place: str) -> list[tuple[str, Any]]:
    await foreign.exchange.read_positions()
    return [(asked, body) for asked, body in foreign.server.answers if asked.endswith(place)]


def replacing(number: int, garbage: object) -> Any:  # noqa: ANN401 - a Change
    def change(status: int, text: str) -> tuple[int, str]:
        holder = {"body": json.loads(text)}
        place, key = list(places(holder))[number]
        place[key] = garbage
        return status, json.dumps(holder["body"])

    return change


def says_flat(key: object, garbage: object) -> bool:
    """What a flat account really looks like: an empty list in the list's place, or a size of nothing."""
    is_size = key in ("positionAmt", "pos", "szi") and garbage == 0
    return is_size or (key in ("body", "data", "assetPositions") and garbage == [])
