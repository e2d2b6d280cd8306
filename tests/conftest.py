"""What holds for every test: one that needs a missing system package skips with the remedy, or fails if required."""

import os
import shutil

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("no wall clock", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no wall clock")

LONGER = ("full", "prove")
SIMULATED = "simulated hours and CPU-seconds"
"""The property in which a test tells what it lived through; see tests/simulation/test_trials.py."""
REQUIRED = os.environ.get("TRADE_ENGINE_SYSTEM_TESTS") == "required"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Plain `pytest` runs what the gate runs; a longer test when it is asked for, by -m, by -k or by its name."""
    is_asked_for = config.option.markexpr or config.option.keyword or any("::" in name for name in config.args)
    if not is_asked_for:
        longer = [item for item in items if any(item.get_closest_marker(name) for name in LONGER)]
        config.hook.pytest_deselected(items=longer)
        items[:] = [item for item in items if not any(item.get_closest_marker(name) for name in LONGER)]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many hours were simulated, and in how much time."""
    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    told = [dict(report.user_properties) for report in reports if getattr(report, "when", "") == "call"]
    figures = [properties[SIMULATED] for properties in told if SIMULATED in properties]
    if figures:
        hours, seconds = (sum(column) for column in zip(*figures, strict=True))
        rate = f"{hours / seconds:.2f} hours per CPU-second"
        terminalreporter.write_line(f"simulated: {hours:.1f} hours in {seconds:.0f} CPU-seconds ({rate})")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Mark a test with `@pytest.mark.system("nginx")`, naming the programs that it needs."""
    for mark in item.iter_markers("system"):
        missing = [program for program in mark.args if not shutil.which(program)]
        if missing:
            reason = f"{', '.join(missing)} missing; install with: sudo ./engine test --install-system"
            if REQUIRED:
                pytest.fail(reason)
            pytest.skip(reason)
