"""What a trial can ask the ledger afterwards: every order, fill, refused attempt and change of mode, in order."""

import ccxt.async_support as ccxt
import pytest

from paper.house import PaperHouse

BTC = "BTC/USDT:USDT"
TOLD = ("setting", "order", "fill", "order_done", "refusal", "refused_request")


async def test_settings_orders_fills_and_refused_attempts_stand_in_the_ledger_in_order(
    house: PaperHouse, bybit: ccxt.bybit
) -> None:
    await bybit.set_margin_mode("isolated")
    await bybit.set_leverage(3, BTC)
    await bybit.create_order(BTC, "market", "buy", 0.02, None, {"clientOrderId": "one"})
    with pytest.raises(ccxt.InvalidOrder):
        await bybit.create_order(BTC, "market", "buy", 0.02, None, {"reduceOnly": True, "clientOrderId": "naked"})
    bybit.secret = "wrong"
    with pytest.raises(ccxt.AuthenticationError):
        await bybit.fetch_positions()

    entries = [entry for kind in TOLD for entry in house.ledger.entries(kind, "bybit")]
    entries.sort(key=lambda entry: entry.number)
    assert [entry.kind for entry in entries][:4] == ["setting", "setting", "order", "fill"]
    assert [entry.facts["name"] for entry in entries[:2]] == ["margin_mode", "leverage"]
    order, fill = entries[2:4]
    assert order.facts["client_order_id"] == "one"
    assert (fill.facts["symbol"], fill.facts["quantity"]) == ("BTCUSDT", "0.02")
    refused = [entry for entry in entries if entry.kind in ("refusal", "refused_request")]
    assert [(entry.kind, entry.facts["reason"]) for entry in refused] == [
        ("refusal", "nothing_to_reduce"),
        ("refused_request", "nothing_to_reduce"),
        ("refused_request", "bad_signature"),
    ]
    assert house.ledger.count("fill", "bybit") == 1, "what was refused traded nothing"
