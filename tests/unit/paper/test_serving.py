"""The paper exchanges over loopback HTTP: what a client's connection sees, and how requests find their exchange."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from core.model.failures import InvalidInput
from paper.faults import Fault, FaultKind
from paper.house import PaperHouse
from paper.serving import Served

TIME = {
    "bybit": "/v5/market/time",
    "blofin": "/api/v1/public/time",
    "kucoin": "/api/v1/timestamp",
    "mexc": "/api/v1/contract/ping",
}


@pytest.fixture
async def served(house: PaperHouse) -> AsyncIterator[Served]:
    served = await house.serve()
    yield served
    await served.stop()
    await served.stop()


@pytest.fixture
async def web() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
        yield session


async def test_each_exchange_answers_under_its_own_prefix(
    house: PaperHouse, served: Served, web: aiohttp.ClientSession
) -> None:
    for name, path in TIME.items():
        async with web.get(served.base_url(name) + path) as response:
            assert response.status == 200
            assert str(house.world.now_ms()) in await response.text()
    asked = house.ledger.entries("request")
    assert [entry.exchange for entry in asked] == list(TIME)


@pytest.mark.parametrize(("header", "name"), [("KC-API-KEY", "kucoin"), ("ACCESS-KEY", "blofin"), ("ApiKey", "mexc")])
async def test_a_client_that_drops_the_prefix_is_known_by_its_key_header(
    house: PaperHouse, served: Served, web: aiohttp.ClientSession, header: str, name: str
) -> None:
    async with web.get(f"http://127.0.0.1:{served.port}/api/v1/positions", headers={header: "x"}):
        pass

    assert house.ledger.entries("request")[0].exchange == name


async def test_without_key_the_path_tells_the_exchange_and_an_unknown_one_is_not_found(
    house: PaperHouse, served: Served, web: aiohttp.ClientSession
) -> None:
    async with web.get(f"http://127.0.0.1:{served.port}{TIME['bybit']}") as response:
        assert response.status == 200
    async with web.get(f"http://127.0.0.1:{served.port}/nowhere") as response:
        assert response.status == 404
    assert [entry.exchange for entry in house.ledger.entries("request")] == ["bybit"]


async def test_a_cut_connection_closes_without_an_answer_and_only_a_get_is_sent_again(
    house: PaperHouse, served: Served, web: aiohttp.ClientSession
) -> None:
    base = served.base_url("bybit")
    async with web.get(base + TIME["bybit"]) as response:
        await response.read()
    house.faults.add(Fault(FaultKind.CUT_BEFORE, count=1))
    async with web.get(base + TIME["bybit"]) as again:
        assert again.status == 200
    house.faults.add(Fault(FaultKind.ANSWER_LOST, count=1))
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await web.post(f"{base}/v5/order/create", json={})

    sent = [entry.facts["method"] for entry in house.ledger.entries("request")]
    assert sent == ["GET", "GET", "GET", "POST"]


async def test_a_client_that_gives_up_leaves_nothing_inside(
    house: PaperHouse, served: Served, web: aiohttp.ClientSession
) -> None:
    house.faults.add(Fault(FaultKind.HANG))

    with pytest.raises(TimeoutError):
        await web.get(served.base_url("mexc") + TIME["mexc"], timeout=aiohttp.ClientTimeout(total=0.2))
    async with web.get(served.base_url("mexc") + TIME["mexc"]) as response:
        assert response.status == 200

    assert house.doors["mexc"].in_flight == 0


async def test_html_and_truncated_answers_arrive_as_they_are(
    house: PaperHouse, served: Served, web: aiohttp.ClientSession
) -> None:
    house.faults.add(Fault(FaultKind.HTML_PAGE))
    async with web.get(served.base_url("blofin") + TIME["blofin"]) as page:
        assert (page.status, page.content_type) == (403, "text/html")
        assert "Just a moment" in await page.text()
    house.faults.add(Fault(FaultKind.TRUNCATED))
    async with web.get(served.base_url("blofin") + TIME["blofin"]) as broken:
        assert (await broken.text()).startswith('{"code":"0"')
        assert not (await broken.text()).endswith("}")


async def test_a_port_that_is_taken_is_named(house: PaperHouse, served: Served) -> None:
    with pytest.raises(InvalidInput, match=rf"port {served.port}: .*--port"):
        await house.serve(served.port)


async def test_the_in_process_session_reaches_no_other_host(house: PaperHouse) -> None:
    session = house.session()

    with pytest.raises(aiohttp.ClientConnectionError, match=r"api.bybit.com"):
        await session.get("https://api.bybit.com/v5/market/time")
    await session.close()
    with pytest.raises(aiohttp.ClientConnectionError):
        await session.get(house.urls("bybit")["public"] + TIME["bybit"])
