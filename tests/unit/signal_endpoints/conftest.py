from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from config.home import Home
from simulation.webhook_world import SetClock, WebhookWorld, webhook_world


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
async def endpoint(tmp_path: Path, clock: SetClock) -> AsyncIterator[WebhookWorld]:
    async with webhook_world(Home(tmp_path), clock) as world:
        yield world
