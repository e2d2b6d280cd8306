"""Derive the shape files from a folder of recorded answers: `python -m simulation.derive_shapes RECORDINGS TARGET`.

RECORDINGS holds `<exchange>/<name>.json` with `source`, `kind` and `response`; it is not part of the project, the shape
files are. Documents that show only zero values tell field names, not types, and list the `message` that only a refusal
carries.
"""

import json
import sys
from pathlib import Path
from typing import Any

from simulation.answer_shapes import derive, empty_members, shape_rows

RECORDINGS: dict[str, dict[str, tuple[str, ...]]] = {
    "bybit": {
        "markets": ("nautilus_http_get_instruments_linear", "jk_get_linear_inverse_symbols"),
        "tickers": ("jk_get_linear_inverse_tickers",),
        "book": ("jk_get_orderbook", "nautilus_http_get_orderbook"),
        "risk_limits": ("jk_get_risk_limit",),
        "key_info": ("jk_get_api_key_info",),
        "account_info": ("nautilus_http_get_account_info", "jk_get_margin_account_info"),
        "balance": ("jk_get_balances", "nautilus_http_get_wallet_balance"),
        "positions": ("jk_get_positions", "nautilus_http_get_positions"),
        "set_leverage": ("jk_set_leverage",),
        "set_position_mode": ("jk_switch_position_mode",),
        "create_order": ("jk_place_order",),
        "cancel_order": ("jk_cancel_order",),
        "open_orders": ("jk_get_orders", "nautilus_http_get_orders_realtime"),
        "order_history": ("jk_get_order_history", "nautilus_http_get_orders_history"),
        "fills": ("jk_get_user_trades", "nautilus_http_get_executions"),
    },
    "blofin": {
        "markets": ("instruments",),
        "tickers": ("tickers",),
        "book": ("books",),
        "balance": ("account_balance",),
        "positions": ("positions",),
        "leverages": ("batch_leverage_info",),
        "set_leverage": ("set_leverage",),
        "margin_mode": ("margin_mode",),
        "set_margin_mode": ("set_margin_mode",),
        "position_mode": ("position_mode",),
        "set_position_mode": ("set_position_mode",),
        "create_order": ("order_create",),
        "cancel_order": ("order_cancel",),
        "close_position": ("close_position",),
        "order": ("order_detail",),
        "open_orders": ("orders_pending",),
        "order_history": ("orders_history",),
        "fills": ("fills_history",),
    },
    "kucoin": {
        "contract": ("sdk_get_symbol_resp", "jk_contract"),
        "ticker": ("sdk_get_ticker_resp", "jk_ticker"),
        "book": ("sdk_get_part_order_book_resp",),
        "risk_limits": ("sdk_get_isolated_margin_risk_limit_resp",),
        "balance": ("sdk_get_futures_account_resp", "jk_account_overview"),
        "positions": ("sdk_get_position_list_resp", "jk_positions"),
        "position": ("sdk_get_position_details_resp",),
        "leverage": ("sdk_get_cross_margin_leverage_resp", "jk_cross_leverage"),
        "set_leverage": ("sdk_modify_margin_leverage_resp",),
        "margin_mode": ("sdk_get_margin_mode_resp", "jk_margin_mode"),
        "set_margin_mode": ("sdk_switch_margin_mode_resp", "jk_set_margin_mode"),
        "create_order": ("sdk_add_order_resp", "jk_order_create"),
        "cancel_order": ("sdk_cancel_order_by_id_resp", "jk_order_cancel"),
        "cancel_order_by_client_id": ("sdk_cancel_order_by_client_oid_resp", "jk_order_cancel_client"),
        "order": ("sdk_get_order_by_order_id_resp", "jk_order", "sdk_get_order_by_client_oid_resp"),
        "orders": ("sdk_get_order_list_resp",),
        "recent_done_orders": ("sdk_get_recent_closed_orders_resp",),
        "fills": ("sdk_get_trade_history_resp", "jk_fills"),
    },
    "mexc": {
        "contract": ("contract_detail",),
        "tickers": ("tickers",),
        "balance": ("assets",),
        "positions": ("open_positions",),
        "leverage": ("leverage",),
        "set_leverage": ("change_leverage",),
        "position_mode": ("position_mode",),
        "set_position_mode": ("change_position_mode",),
        "create_order": ("order_create",),
        "cancel_order": ("order_cancel",),
        "order": ("order_get", "order_external"),
        "open_orders": ("open_orders_schema",),
        "order_history": ("history_orders_schema",),
        "fills": ("order_deals_schema",),
    },
}
"""Which recordings show which endpoint of which exchange."""


def main(recordings: Path, target: Path) -> None:
    """Write one file per endpoint."""
    for exchange, endpoints in RECORDINGS.items():
        folder = target / exchange
        folder.mkdir(parents=True, exist_ok=True)
        empties = _recorded_empties(recordings / exchange / "ccxt_static_recorded.json")
        for endpoint, names in endpoints.items():
            documents = [json.loads((recordings / exchange / f"{name}.json").read_text()) for name in names]
            shape = derive(_answer(document) for document in documents)
            for path, field in shape.items():
                field.types |= empties.get(path.rpartition(".")[2], set()) if field.types else set()
            content: dict[str, object] = {
                "exchange": exchange,
                "endpoint": endpoint,
                "sources": [f"{document['source']} ({document['kind']})" for document in documents],
                "fields": shape_rows(shape),
            }
            (folder / f"{endpoint}.json").write_text(_render(content))


def _recorded_empties(path: Path) -> dict[str, set[str]]:
    """Which members real answers leave empty; numbers are written as text in these recordings, so no more is read."""
    found: dict[str, set[str]] = {}
    for case in json.loads(path.read_text())["cases"]:
        for name, types in empty_members(case["httpResponse"]).items():
            found.setdefault(name, set()).update(types)
    return found


def _answer(document: dict[str, Any]) -> tuple[object, bool]:
    is_schema = "schema" in document["kind"]
    answer = document["response"]
    return {name: value for name, value in answer.items() if name != "message" or not is_schema}, not is_schema


def _render(content: dict[str, object]) -> str:
    """JSON with one field per line."""
    fields = content.pop("fields")
    rows = ",\n  ".join(json.dumps(row) for row in fields) if isinstance(fields, list) else ""
    head = json.dumps(content, indent=1).removesuffix("\n}")
    return f'{head},\n "fields": [\n  {rows}\n ]\n}}\n'


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
