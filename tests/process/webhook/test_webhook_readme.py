"""The README's messages and commands do what it says."""

import asyncio
import json
import os
import re
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from config.home import Home
from config.webhook_keys import load_keys
from signal_processors.tradingview_alert import Alert, AlertBounds, Beat, parse_message

ROOT = Path(__file__).resolve().parents[3]
README = (ROOT / "signal_endpoints" / "README.md").read_text()
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PLACEHOLDERS = {
    "ticker": "ETHUSDT", "strategy.market_position": "long", "strategy.market_position_size": "50",
    "strategy.prev_market_position": "flat", "strategy.prev_market_position_size": "0",
    "strategy.order.action": "buy", "strategy.order.id": "Long", "strategy.order.price": "3328.25",
    "time": "2026-03-01T11:00:00Z", "timenow": "2026-03-01T11:59:59Z", "close": "3328.25",
}  # fmt: skip
MakeEndpoint = Callable[..., Awaitable[Any]]


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_every_message_of_the_readme_is_read_as_it_says() -> None:
    filled = [
        re.sub(r"\{\{([a-z._]+)\}\}", lambda match: PLACEHOLDERS[match.group(1)], text) for text in blocks("json")
    ]

    state, long, exit_message, beat = (parse_message(text.encode(), AlertBounds(), NOW) for text in filled)

    assert isinstance(state, Alert)
    assert isinstance(long, Alert)
    assert isinstance(exit_message, Alert)
    assert (state.depth, long.depth, exit_message.depth) == (Decimal("0.5"), Decimal("0.058"), Decimal(0))
    assert state.before
    assert state.after
    assert beat == Beat()


@pytest.mark.process
@pytest.mark.system("curl")
async def test_the_readmes_curl_commands_give_the_depths_it_names(run_endpoint: MakeEndpoint) -> None:
    endpoint = await run_endpoint()
    commands = [part.strip() for block in blocks("bash") for part in re.split(r"\n\n", block) if "curl" in part]
    assert len(commands) == 7

    depths = []
    for command in commands:
        script = re.sub(r"(127\.0\.0\.1|localhost):8000", f"127.0.0.1:{endpoint.port}", command)
        process = await asyncio.create_subprocess_exec(
            "sh", "-c", f"set -e\n{script}", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
        answer = json.loads((await process.communicate())[0])
        assert answer["status"] == "ok"
        depths.append(Decimal(next(r for r in endpoint.records()[::-1]).content["alert"]["depth"]))

    assert depths == [Decimal(text) for text in ("0.058", "0.058", "0.075", "0", "-0.058", "-0.075", "0")]
    assert await endpoint.stop() == 0
    assert endpoint.frame().signals[0].depth == 0


@pytest.mark.process
async def test_the_readmes_key_and_domain_commands_work(tmp_path: Path) -> None:
    lines = [line for block in blocks("bash") for line in block.splitlines() if line.startswith("./engine webhook")]
    assert len(lines) == 5

    said = []
    for line in lines:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "commands", *line.split()[1:],
            cwd=ROOT, env={**os.environ, "TRADE_ENGINE_HOME": str(tmp_path)},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        said.append((await process.communicate())[0].decode())
        assert process.returncode == 0, said

    keys = load_keys(Home(tmp_path))
    assert [(key.id, key.strategy, key.rhythm_minutes) for key in keys or ()] == [("k2", "trend", 60.0)]
    assert "tek_" in said[0]
    assert "tek_" not in "".join(said[2:])
    for name in ("webhook-http.conf", "webhook-https.conf", "certbot.ini"):
        content = (tmp_path / "webhook_domain" / name).read_text()
        assert "tv.example.com" in content
        assert not re.search(r"@[a-z_]+@", content)
    settings = json.loads((tmp_path / "engine_config.json").read_text())
    assert settings["webhook"] == {"domain": "tv.example.com", "proxy_addresses": ["127.0.0.1"]}
