import json
from decimal import Decimal

import pytest

from simulation.webhook_world import WebhookWorld

ORDERS = {
    "long": ("long", "buy", "3", "5.8/100", "3328.25", "0.058"),
    "long again": ("long", "buy", "3", "7.5/100", "3315.33", "0.075"),
    "exit": ("flat", "sell", "", "Exit @ 3263.55", "3263.55", "0"),
    "short": ("short", "sell", "3", "5.8/100", "3365.25", "-0.058"),
    "short again": ("short", "sell", "3", "7.5/100", "3375.33", "-0.075"),
    "exit of the short": ("flat", "buy", "", "Exit @ 3245.55", "3245.55", "0"),
}
NAMES = ("symbol", "direction", "action", "leverage", "size", "priority", "takeprofit", "trailstop", "price")


def documented(name: str) -> dict[str, str]:
    direction, action, leverage, size, price, _ = ORDERS[name]
    values = ("ETHUSDT", direction, action, leverage, size, "high", "0.0", "0.0", price)
    return dict(zip(NAMES, values, strict=True))


async def test_the_seven_documented_commands_in_order_give_their_depths_even_within_one_second(
    endpoint: WebhookWorld,
) -> None:
    first = json.dumps(documented("long"), indent=4).encode()
    await endpoint.post(first)
    depths = [endpoint.depths()["ETHUSDT"]]
    for name in ORDERS:
        assert (await endpoint.post(documented(name))).status == 200
        depths.append(endpoint.depths()["ETHUSDT"])

    assert depths == [Decimal(text) for text in ("0.058", "0.058", "0.075", "0", "-0.058", "-0.075", "0")]
    assert endpoint.frame().signals[0].price == Decimal("3245.55")


@pytest.mark.parametrize("content_type", [b"application/json", b"text/plain; charset=utf-8", b"application/x-any"])
async def test_the_content_type_does_not_matter_and_numbers_may_be_numbers(
    endpoint: WebhookWorld, content_type: bytes
) -> None:
    alert = documented("long") | {"leverage": 3, "price": 3328.25, "takeprofit": 0.0}

    answer = await endpoint.post(alert, headers=((b"content-type", content_type),))

    assert (answer.status, endpoint.depths()) == (200, {"ETHUSDT": Decimal("0.058")})
