import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _unspared_heap() -> Iterator[None]:
    """Undo that the engine of a benchmark, which runs in this process, keeps the collector from what lives now."""
    threshold = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*threshold)
