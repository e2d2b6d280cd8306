"""What holds for every test: one that needs a missing system package skips with the remedy, or fails if required."""

import os
import shutil
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("no wall clock", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no wall clock")

LONGER = ("full", "prove")
SIMULATED = "simulated hours and CPU-seconds"
"""The property in which a test tells what it lived through; see tests/simulation/test_trials.py."""
HITS = "faults by state"
"""The property in which it tells how often each kind of fault met the engine in each state."""
REQUIRED = os.environ.get("TRADE_ENGINE_SYSTEM_TESTS") == "required"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Plain `pytest` runs what the gate runs; a longer test when it is asked for, by -m, by -k or by its name."""
    is_asked_for = config.option.markexpr or config.option.keyword or any("::" in name for name in config.args)
    if not is_asked_for:
        longer = [item for item in items if any(item.get_closest_marker(name) for name in LONGER)]
        config.hook.pytest_deselected(items=longer)
        items[:] = [item for item in items if not any(item.get_closest_marker(name) for name in LONGER)]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run of many simulated hours in which a kind of fault met the engine too seldom in some state.

    Where the tests ran in several processes only the one that gathers their reports has a reporter.
    """
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter and thin_cells_of(reporter) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many hours were simulated, in how much time, and which faults met the engine too seldom."""
    figures = told_of(terminalreporter, SIMULATED)
    if figures:
        hours, seconds = (sum(column) for column in zip(*figures, strict=True))
        rate = f"{hours / seconds:.2f} hours per CPU-second"
        terminalreporter.write_line(f"simulated: {hours:.1f} hours in {seconds:.0f} CPU-seconds ({rate})")
    for line in thin_cells_of(terminalreporter):
        terminalreporter.write_line(f"FAILED, a fault too rare: {line}", red=True)


def told_of(reporter: pytest.TerminalReporter, name: str) -> list[Any]:
    """What the tests told under a name, in whichever process they ran."""
    reports = [report for reports in reporter.stats.values() for report in reports]
    told = [dict(report.user_properties) for report in reports if getattr(report, "when", "") == "call"]
    return [properties[name] for properties in told if name in properties]


def thin_cells_of(reporter: pytest.TerminalReporter) -> list[str]:
    """The faults that met the engine too seldom, none where too few hours were simulated to tell."""
    lived = told_of(reporter, SIMULATED)
    if not lived:
        return []
    # Only here, for what was simulated: most runs of tests do without.
    from simulation.campaign import Report  # noqa: PLC0415 - see above
    from simulation.coverage import ENFORCED_FROM_HOURS  # noqa: PLC0415 - see above

    report = Report(simulated_seconds=3600 * sum(hours for hours, _ in lived))
    for hits in told_of(reporter, HITS):
        report.hits.update({(kind, state): count for kind, state, count in hits})
    return report.thin() if report.hours >= ENFORCED_FROM_HOURS else []


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Mark a test with `@pytest.mark.system("nginx")`, naming the programs that it needs."""
    for mark in item.iter_markers("system"):
        missing = [program for program in mark.args if not shutil.which(program)]
        if missing:
            reason = f"{', '.join(missing)} missing; install with: sudo ./engine test --install-system"
            if REQUIRED:
                pytest.fail(reason)
            pytest.skip(reason)
