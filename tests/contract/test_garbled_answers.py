"""Whatever JSON comes back, a call ends in one of its declared results: nothing raises, nothing is made up."""

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from account_processors.passport import Passport
from account_processors.registry import connect
from core.model.order import (
    Accepted,
    NotFound,
    OrderReport,
    RefusedOutcome,
    Side,
    UnknownOutcome,
)
from core.model.position import MarginMode
from core.model.reading import Known, Unknown
from paper.in_process import InProcessResponse
from paper.wire import Response
from simulation.exchange_bench import BTC, CALLS, ETH, EXCHANGES, Bench, play
from simulation.garbling import garble


class Garbled:
    """The paper exchange's session with one or more nodes of every answer replaced."""

    def __init__(self, inner: Any, chance: random.Random, nodes: int) -> None:  # noqa: ANN401 - as aiohttp
        self.headers = inner.headers
        self._inner, self._chance, self._nodes = inner, chance, nodes

    def get(self, url: object, **options: Any) -> "_GarbledAnswer":  # noqa: ANN401
        return _GarbledAnswer(self, "get", url, options)

    def post(self, url: object, **options: Any) -> "_GarbledAnswer":  # noqa: ANN401
        return _GarbledAnswer(self, "post", url, options)

    async def answer(self, method: str, url: object, options: dict[str, Any]) -> InProcessResponse:
        async with getattr(self._inner, method)(url, **options) as response:
            text = garble(await response.text(), self._chance, self._nodes)
        return InProcessResponse(Response(response.status, text), str(url))


class _GarbledAnswer:
    def __init__(self, session: Garbled, method: str, url: object, options: dict[str, Any]) -> None:
        self._session, self._method, self._url, self._options = session, method, url, options

    async def __aenter__(self) -> InProcessResponse:
        return await self._session.answer(self._method, self._url, self._options)

    async def __aexit__(self, *_: object) -> None:
        return None


@pytest.mark.parametrize("name", EXCHANGES)
@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 4))
def test_every_call_ends_in_one_of_its_declared_results(name: str, seed: int, nodes: int) -> None:
    talk(name, seed, nodes, rounds=1)


@pytest.mark.full
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", EXCHANGES)
@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 6))
def test_every_call_ends_in_one_of_its_declared_results_many_times(name: str, seed: int, nodes: int) -> None:
    talk(name, seed, nodes, rounds=3)


def talk(name: str, seed: int, nodes: int, rounds: int) -> None:
    async def scene(bench: Bench) -> None:
        await bench.ready()
        held = await bench.trade(Side.BUY, "0.02")
        session = Garbled(bench.house.session(), random.Random(seed), nodes)  # noqa: S311 - a seed makes it repeatable
        urls = bench.house.urls(name)
        exchange = connect(bench.settings, bench.clock, bench.told, session=session, urls=urls, calls=CALLS)
        try:
            for _ in range(rounds):
                await exchange.refresh_instruments()
                snapshot = await exchange.read_snapshot()
                assert isinstance(snapshot.equity, Known | Unknown)
                assert isinstance(snapshot.positions, Known | Unknown)
                for quote in (await exchange.read_quotes([BTC, ETH])).values():
                    assert isinstance(quote, Known | Unknown)
                assert isinstance(await exchange.read_settings(BTC), Known | Unknown)
                assert isinstance(await exchange.read_recent_client_ids(BTC), Known | Unknown)
                assert isinstance(await exchange.read_closing_cause(BTC, bench.clock.now()), Known | Unknown)
                assert isinstance(await exchange.read_book(BTC), Known | Unknown)
                found = await exchange.find_order(BTC, held.client_order_id)
                assert isinstance(found, OrderReport | NotFound | UnknownOutcome)
                outcome = await exchange.submit_order(bench.intent(Side.SELL, "0.001", reduce_only=True))
                assert isinstance(outcome, Accepted | RefusedOutcome | UnknownOutcome)
                outcome = await exchange.set_leverage(BTC, held.quantity * 200, MarginMode.ISOLATED)
                assert isinstance(outcome, Accepted | RefusedOutcome | UnknownOutcome)
                assert isinstance(await exchange.inspect([BTC]), Passport)
        finally:
            await exchange.close()

    play(name, scene)
