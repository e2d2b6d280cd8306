"""Where real processes of this project are run from, ports for them on loopback, and what an engine told."""

import json
import socket
from pathlib import Path
from typing import Any

from config.home import Home

ROOT = Path(__file__).resolve().parent.parent


def free_port() -> int:
    """A loopback port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def read_engine_log(home: Home) -> list[dict[str, Any]]:
    """The lines of the engine's log that are whole; the last may be half written."""
    path = home.logs / "trade-engine.jsonl"
    lines = path.read_text().split("\n")[:-1] if path.exists() else []
    return [json.loads(line) for line in lines]
