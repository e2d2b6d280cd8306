"""The message to paste into a TradingView alert."""

import json

FULL_SIZE = 100
"""Contracts of the strategy that stand for the source's whole allocation."""

ALERT_ADVICE = f"""\
Paste it into the Message field of an alert on a strategy, and the endpoint's public address with https into its
Webhook URL. Set the strategy's order size to contracts: a position of {FULL_SIZE} is the whole allocation of the
source, 5.8 is 5.8 % of it. On the chart of a perpetual the ticker ends in .P: write "symbol": "BTCUSDT" there."""


def alert_message(key: str) -> str:
    """The state of a strategy after each of its orders, so that a lost or doubled alert does no harm.

    Args:
        key: The webhook's key, empty where none is required.
    """
    fields = {
        "symbol": "{{ticker}}",
        "action": "{{strategy.order.action}}",
        "market_position": "{{strategy.market_position}}",
        "market_position_size": "{{strategy.market_position_size}}",
        "prev_market_position": "{{strategy.prev_market_position}}",
        "prev_market_position_size": "{{strategy.prev_market_position_size}}",
        "size": f"{{{{strategy.market_position_size}}}}/{FULL_SIZE}",
        "price": "{{strategy.order.price}}",
        "order_id": "{{strategy.order.id}}",
        "timenow": "{{timenow}}",
    }
    return json.dumps(({"key": key} if key else {}) | fields, indent=2)
