"""What holds for every test: one that needs a missing system package skips with the remedy, or fails if required."""

import os
import shutil

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("no wall clock", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no wall clock")

REQUIRED = os.environ.get("TRADE_ENGINE_SYSTEM_TESTS") == "required"


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Mark a test with `@pytest.mark.system("nginx")`, naming the programs that it needs."""
    for mark in item.iter_markers("system"):
        missing = [program for program in mark.args if not shutil.which(program)]
        if missing:
            reason = f"{', '.join(missing)} missing; install with: sudo ./engine test --install-system"
            if REQUIRED:
                pytest.fail(reason)
            pytest.skip(reason)
