"""The exchange's own SDKs, strangers to ccxt, against the paper KuCoin over loopback HTTP."""
# ruff: noqa: PLC0415 - imported inside the tests, whose filter silences the deprecations that importing them warns of

import asyncio
import sys
from collections.abc import Callable
from decimal import Decimal
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from operations.wall_clock import WallClock
from paper.account import PaperKeys
from paper.house import PaperHouse

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::SyntaxWarning", "ignore::UserWarning")
XBT = "XBTUSDTM"


async def over_http(play: Callable[[PaperKeys, str], dict[str, Any]]) -> tuple[dict[str, Any], PaperHouse]:
    """Let a blocking client talk to a served house, in another thread than the one that serves."""
    house = PaperHouse(WallClock(), seed=3)
    house.world.pin("BTC", Decimal(60_000))
    keys = house.open_account("kucoin", "main", Decimal(10_000))
    served = await house.serve()
    try:
        seen = await asyncio.get_running_loop().run_in_executor(None, play, keys, served.base_url("kucoin"))
    finally:
        await served.stop()
        await house.close()
    return seen, house


def play_universal(keys: PaperKeys, base_url: str) -> dict[str, Any]:
    from kucoin_universal_sdk.api import DefaultClient
    from kucoin_universal_sdk.generate.account.account import GetFuturesAccountReqBuilder
    from kucoin_universal_sdk.generate.futures import market, order, positions
    from kucoin_universal_sdk.model import ClientOptionBuilder, TransportOptionBuilder
    from kucoin_universal_sdk.model.common import RestError

    option = ClientOptionBuilder().set_key(keys.api_key).set_secret(keys.secret).set_passphrase(keys.passphrase)
    option.set_spot_endpoint(base_url).set_futures_endpoint(base_url).set_broker_endpoint(base_url)
    rest = DefaultClient(option.set_transport_option(TransportOptionBuilder().build()).build()).rest_service()
    futures = rest.get_futures_service()
    markets, orders, held = futures.get_market_api(), futures.get_order_api(), futures.get_positions_api()
    account = rest.get_account_service().get_account_api()

    def ask(client_oid: str) -> Any:  # noqa: ANN401 - the SDK's builder
        builder = order.AddOrderReqBuilder().set_client_oid(client_oid).set_symbol(XBT).set_leverage(3)
        return builder.set_side("buy").set_margin_mode("ISOLATED").set_size(5)

    seen: dict[str, Any] = {
        "time": markets.get_server_time().data,
        "symbols": len(markets.get_all_symbols().data),
        "multiplier": markets.get_symbol(market.GetSymbolReqBuilder().set_symbol(XBT).build()).multiplier,
        "bid": markets.get_ticker(market.GetTickerReqBuilder().set_symbol(XBT).build()).best_bid_price,
        "equity": account.get_futures_account(
            GetFuturesAccountReqBuilder().set_currency("USDT").build()
        ).account_equity,
    }
    bought = orders.add_order(ask("universal1").set_type("market").build())
    by_id = orders.get_order_by_client_oid(order.GetOrderByClientOidReqBuilder().set_client_oid("universal1").build())
    seen["is same order"] = by_id.id == bought.order_id
    seen["filled"] = by_id.filled_size
    seen["held"] = held.get_position_list(positions.GetPositionListReqBuilder().build()).data[0].current_qty
    seen["mode"] = held.get_margin_mode(positions.GetMarginModeReqBuilder().set_symbol(XBT).build()).margin_mode.value
    resting = orders.add_order(ask("universal2").set_type("limit").set_price("50000").build())
    cancelled = orders.cancel_order_by_id(
        order.CancelOrderByIdReqBuilder().set_order_id(resting.order_id).build()
    ).cancelled_order_ids
    seen["is cancelled"] = cancelled == [resting.order_id]
    fills = orders.get_trade_history(order.GetTradeHistoryReqBuilder().set_symbol(XBT).build())
    seen["fills"] = [(fill.size, fill.liquidity.value) for fill in fills.items]
    with pytest.raises(RestError) as refused:
        orders.add_order(ask("universal1").set_type("market").build())
    seen["duplicate"] = refused.value.response.code
    return seen


def play_former(keys: PaperKeys, base_url: str) -> dict[str, Any]:
    from kucoin_futures.client import Market, Trade, User

    host = base_url.removesuffix("/kucoin")
    credentials = (keys.api_key, keys.secret, keys.passphrase)
    market, user, trade = Market(url=host), User(*credentials, url=host), Trade(*credentials, url=host)
    seen: dict[str, Any] = {
        "price": market.get_ticker(XBT)["price"],
        "equity": user.get_account_overview("USDT")["accountEquity"],
    }
    trade.create_market_order(XBT, "buy", "3", size=4, marginMode="ISOLATED")
    trade.create_market_order(XBT, "sell", "3", size=1, reduceOnly=True, marginMode="ISOLATED")
    resting = trade.create_limit_order(XBT, "buy", "3", 1, "50000", marginMode="ISOLATED")
    seen["held"] = trade.get_all_position()[0]["currentQty"]
    seen["is cancelled"] = trade.cancel_order(resting["orderId"])["cancelledOrderIds"] == [resting["orderId"]]
    seen["done"] = trade.get_order_list(status="done")["totalNum"]
    seen["fills"] = trade.get_fills_details(XBT)["totalNum"]
    with pytest.raises(Exception, match="300009"):
        trade.create_market_order(XBT, "buy", "3", size=1, reduceOnly=True, marginMode="ISOLATED")
    for client in (market, user, trade):
        client.session.close()
    return seen


async def test_the_universal_sdk_reads_and_trades() -> None:
    seen, house = await over_http(play_universal)

    assert abs(seen.pop("time") - house.world.now_ms()) < 60_000
    assert seen == {
        "symbols": 29,
        "multiplier": 0.001,
        "bid": "59994",
        "equity": 10_000,
        "is same order": True,
        "filled": 5,
        "held": 5,
        "mode": "ISOLATED",
        "is cancelled": True,
        "fills": [(5, "taker")],
        "duplicate": "300018",
    }


async def test_the_former_futures_sdk_reads_and_trades_without_a_path_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    # It asks setuptools for its own version, a module that setuptools no longer brings.
    versions = ModuleType("pkg_resources")
    versions.__dict__.update(
        get_distribution=lambda _: SimpleNamespace(version="1.0.14"), DistributionNotFound=LookupError
    )
    monkeypatch.setitem(sys.modules, "pkg_resources", versions)

    seen, _ = await over_http(play_former)

    assert seen == {"price": "60000", "equity": 10_000, "held": 3, "is cancelled": True, "done": 3, "fills": 2}
