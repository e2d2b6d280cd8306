"""Independent clients, strangers to ccxt, against the paper Bybit and BloFin over loopback HTTP."""
# ruff: noqa: PLC0415 - imported inside the tests, whose filter silences the deprecations that importing them warns of

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from operations.wall_clock import WallClock
from paper.account import PaperKeys
from paper.house import PaperHouse

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::ResourceWarning")


async def over_http(exchange: str, play: Callable[[PaperKeys, str], dict[str, Any]]) -> dict[str, Any]:
    """Let a blocking client talk to a served house, in another thread than the one that serves."""
    house = PaperHouse(WallClock(), seed=3)
    house.world.pin("BTC", Decimal(60_000))
    keys = house.open_account(exchange, "main", Decimal(10_000))
    served = await house.serve()
    try:
        return await asyncio.get_running_loop().run_in_executor(None, play, keys, served.base_url(exchange))
    finally:
        await served.stop()
        await house.close()


def play_pybit(keys: PaperKeys, base_url: str) -> dict[str, Any]:
    from pybit.exceptions import InvalidRequestError
    from pybit.unified_trading import HTTP

    client = HTTP(api_key=keys.api_key, api_secret=keys.secret)
    client.endpoint = base_url
    linear = {"category": "linear", "symbol": "BTCUSDT"}
    seen: dict[str, Any] = {
        "time": int(client.get_server_time()["result"]["timeSecond"]),
        "symbols": len(client.get_instruments_info(category="linear")["result"]["list"]),
        "mark": client.get_tickers(**linear)["result"]["list"][0]["markPrice"],
        "asks": len(client.get_orderbook(**linear, limit=3)["result"]["a"]),
        "mode": client.get_account_info()["result"]["marginMode"],
    }
    client.set_margin_mode(setMarginMode="ISOLATED_MARGIN")
    client.set_leverage(**linear, buyLeverage="5", sellLeverage="5")
    bought = client.place_order(**linear, side="Buy", orderType="Market", qty="0.02", orderLinkId="pybit1")["result"]
    (order,) = client.get_open_orders(**linear, orderLinkId="pybit1")["result"]["list"]
    seen["is same order"] = order["orderId"] == bought["orderId"]
    seen["order"] = (order["orderStatus"], order["avgPrice"])
    held = client.get_positions(**linear)["result"]["list"][0]
    seen["held"] = (held["side"], held["size"], held["leverage"])
    resting = client.place_order(**linear, side="Buy", orderType="Limit", qty="0.01", price="50000")["result"]
    seen["open"] = len(client.get_open_orders(**linear)["result"]["list"])
    client.cancel_order(**linear, orderId=resting["orderId"])
    client.place_order(**linear, side="Sell", orderType="Market", qty="0.02", reduceOnly=True)
    seen["history"] = [row["orderStatus"] for row in client.get_order_history(**linear)["result"]["list"]]
    seen["fills"] = len(client.get_executions(**linear)["result"]["list"])
    seen["wallet"] = client.get_wallet_balance(accountType="UNIFIED")["result"]["list"][0]["coin"][0]["walletBalance"]
    with pytest.raises(InvalidRequestError) as refused:
        client.place_order(**linear, side="Sell", orderType="Market", qty="0.02", reduceOnly=True)
    seen["naked"] = refused.value.status_code
    client.client.close()
    return seen


def play_blofin(keys: PaperKeys, base_url: str) -> dict[str, Any]:
    from blofin.client import BloFinClient

    client = BloFinClient(keys.api_key, keys.secret, keys.passphrase)
    instrument = "BTC-USDT"

    def data(answer: dict[str, Any]) -> Any:  # noqa: ANN401 - the SDK's answers
        assert answer["code"] == "0", (base_url, answer)
        return answer["data"]

    seen: dict[str, Any] = {
        "symbols": len(data(client.public.get_instruments())),
        "mark": data(client.public.get_mark_price(instrument))[0]["markPrice"],
        "asks": len(data(client.public.get_order_book(instrument, 3))[0]["asks"]),
        "futures": Decimal(data(client.account.get_balance("futures"))[0]["balance"]),
        "equity": Decimal(data(client.trading.get_futures_account_balance())["details"][0]["equity"]),
    }
    client.trading.set_margin_mode("isolated")
    client.trading.set_leverage(instrument, 5, "isolated")
    seen["leverage"] = data(client.trading.get_multiple_leverage(instrument, "isolated"))[0]["leverage"]
    seen["modes"] = (
        data(client.trading.get_margin_mode())["marginMode"],
        data(client.trading.get_position_mode())["positionMode"],
    )
    client.trading.place_order(instrument, "isolated", "net", "buy", "market", 0, 20, clientOrderId="sdk1")
    (held,) = data(client.trading.get_positions(instrument))
    seen["held"] = (held["positions"], held["leverage"], held["marginMode"])
    (resting,) = data(client.trading.place_order(instrument, "isolated", "net", "buy", "limit", 50_000, 1))
    seen["open"] = len(data(client.trading.get_active_orders(instrument)))
    client.trading.cancel_order(instrument, resting["orderId"])
    client.trading.close_positions(instrument, "isolated", "net")
    seen["flat"] = data(client.trading.get_positions(instrument))
    seen["history"] = [row["state"] for row in data(client.trading.get_order_history(instrument))]
    return seen


async def test_pybit_reads_and_trades() -> None:
    seen = await over_http("bybit", play_pybit)

    assert abs(seen.pop("time") - WallClock().now().timestamp()) < 60
    assert seen == {
        "symbols": 28,
        "mark": "60000",
        "asks": 3,
        "mode": "REGULAR_MARGIN",
        "is same order": True,
        "order": ("Filled", "60006"),
        "held": ("Buy", "0.02", "5"),
        "open": 1,
        "history": ["Filled", "Cancelled", "Filled"],
        "fills": 2,
        "wallet": "9998.44",
        "naked": 110017,
    }


async def test_the_blofin_sdk_reads_and_trades(monkeypatch: pytest.MonkeyPatch) -> None:
    import blofin.utils

    def play(keys: PaperKeys, base_url: str) -> dict[str, Any]:
        monkeypatch.setattr(blofin.utils, "REST_API_URL", base_url)
        return play_blofin(keys, base_url)

    assert await over_http("blofin", play) == {
        "symbols": 28,
        "mark": "60000",
        "asks": 3,
        "futures": 10_000,
        "equity": 10_000,
        "leverage": "5",
        "modes": ("isolated", "net_mode"),
        "held": ("20", "5", "isolated"),
        "open": 1,
        "flat": [],
        "history": ["filled", "canceled", "filled"],
    }
