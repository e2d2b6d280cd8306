"""Whatever a client sends, an exchange answers in its own envelope; nothing escapes as an exception."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paper.account import Account
from paper.exchange import PaperExchange
from paper.house import PaperHouse
from paper.refusals import Refused
from paper.rules import EXCHANGE_NAMES
from paper.wire import Call, Request, Route
from simulation.paper_clients import SteadyClock

NAMES = (
    "symbol",
    "instId",
    "category",
    "side",
    "orderType",
    "type",
    "qty",
    "size",
    "vol",
    "price",
    "leverage",
    "buyLeverage",
    "sellLeverage",
    "marginMode",
    "openType",
    "positionMode",
    "mode",
    "positionSide",
    "positionIdx",
    "positionType",
    "reduceOnly",
    "orderLinkId",
    "clientOrderId",
    "clientOid",
    "externalOid",
    "orderId",
    "limit",
    "cursor",
    "after",
    "page_num",
    "page_size",
    "currentPage",
    "pageSize",
    "setMarginMode",
    "timeInForce",
    "settleCoin",
    "coin",
    "currency",
    "accountType",
    "depth",
    "status",
    "positionId",
    "order_id",
    "external_oid",
    "brokerId",
)
VALUES: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from([
        "BTCUSDT", "BTC-USDT", "XBTUSDTM", "BTC_USDT", "ETH-USDT,BTC-USDT", "Buy", "buy", "sell", "Market", "limit",
        "market", "isolated", "ISOLATED", "CROSS", "cross", "net", "long", "true", True, None, "", "0", "1", 1, 2, 3, 4,
        5, 6, -1, 0.5, "1e400", "1e30", "NaN", "-Infinity", "9" * 60, "x" * 50, [], {}, ["1"], "linear", "USDT", "once",
    ]),
    st.text(max_size=8),
    st.integers(-5, 10**12),
)  # fmt: skip
ORDERS: dict[str, dict[str, Any]] = {
    "bybit": {"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "1", "price": "9"},
    "blofin": {
        "instId": "BTC-USDT", "side": "buy", "orderType": "limit", "size": "1", "price": "9", "marginMode": "cross",
    },
    "kucoin": {
        "symbol": "XBTUSDTM", "side": "buy", "type": "limit", "size": 1, "price": "9", "marginMode": "ISOLATED",
        "leverage": 3, "clientOid": "a",
    },
    "mexc": {"symbol": "BTC_USDT", "side": 1, "type": 1, "vol": 1, "price": 9, "openType": 1, "leverage": 3},
}  # fmt: skip
"""An order that each exchange takes; one member at a time is then put wrong."""
PARAMS = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=10)


def open_exchange(name: str) -> tuple[PaperHouse, PaperExchange, Account]:
    house = PaperHouse(SteadyClock(), seed=2)
    house.open_account(name, "main", Decimal(1_000_000))
    return house, house.exchanges[name], house.account(name, "main")


@pytest.mark.parametrize("name", EXCHANGE_NAMES)
@settings(max_examples=30, deadline=None, database=None, derandomize=True)
@given(data=st.data())
def test_every_handler_answers_or_refuses_whatever_the_parameters(name: str, data: st.DataObject) -> None:
    house, exchange, account = open_exchange(name)
    protocol = house.doors[name].protocol
    for _ in range(4):
        route: Route = data.draw(st.sampled_from(list(protocol.routes)))
        params: dict[str, Any] = data.draw(PARAMS)
        path_values = {
            segment[1:-1]: str(data.draw(VALUES)) for segment in route.pattern.split("/") if segment.startswith("{")
        }
        call = Call(exchange, Request(route.method, "host", route.pattern), params, path_values, account)
        try:
            response = protocol.wrap(exchange, route.handler(call))
        except Refused as refused:
            response = protocol.refuse(exchange, refused)
        assert response.body[0] in "{["
        assert account.wallet == account.deposited + account.realized - account.fees + account.funding


@pytest.mark.parametrize("name", EXCHANGE_NAMES)
@pytest.mark.parametrize("body", ["{", "[1]", '"text"', "null", "\x00", '{"symbol": NaN}'])
async def test_a_body_that_is_no_object_is_refused_in_the_envelope(name: str, body: str) -> None:
    house, _, _ = open_exchange(name)
    door = house.doors[name]
    for route in door.protocol.routes:
        response = await door.answer(Request(route.method, "host", route.pattern, body=body))
        assert response.body[0] in "{[", (route, response)


@pytest.mark.parametrize("name", EXCHANGE_NAMES)
@pytest.mark.parametrize(
    "wrong", ["1e400", "1e30", "9" * 60, "1e-400", "NaN", "-1", "0", "", None, True, [], {}, "\x00", 0.1 + 0.2]
)
def test_an_order_with_one_impossible_member_is_taken_or_refused(name: str, wrong: object) -> None:
    house, exchange, account = open_exchange(name)
    protocol = house.doors[name].protocol
    route = next(route for route in protocol.routes if route.endpoint == "create_order")
    request = Request("POST", "host", route.pattern)
    assert protocol.wrap(exchange, route.handler(Call(exchange, request, ORDERS[name], {}, account))).status == 200
    for member in ORDERS[name]:
        for extra in ({}, {"clientOid": "b"}):
            params = {**ORDERS[name], **extra, member: wrong}
            try:
                response = protocol.wrap(exchange, route.handler(Call(exchange, request, params, {}, account)))
            except Refused as refused:
                response = protocol.refuse(exchange, refused)
            assert response.body.startswith("{")
