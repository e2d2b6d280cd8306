"""Enables and disables accounts of a running engine as the operator's file says."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from config.account_switches import AccountSwitches
from core.model.identity import AccountId
from core.model.policy import AccountPolicy
from core.ports.telemetry import Telemetry


class Switchable(Protocol):
    """An account that is kept in line.

    Attributes:
        policy: How.
    """

    policy: AccountPolicy

    def wake(self) -> None:
        """Begin a pass now."""
        ...


POLL_SECONDS = 0.5


async def follow_switches(
    switches: AccountSwitches, workers: Sequence[Switchable], telemetry: Telemetry, poll_seconds: float = POLL_SECONDS
) -> None:
    """Look at the file again and again until cancelled; a disabled account closes what is ours, then costs no call.

    Args:
        switches: The operator's file.
        workers: The engine's accounts.
        telemetry: Told of every change.
        poll_seconds: Time between two looks.
    """
    while True:
        apply_switches(switches.load(), workers, telemetry)
        await asyncio.sleep(poll_seconds)


def apply_switches(enabled: Mapping[AccountId, bool], workers: Sequence[Switchable], telemetry: Telemetry) -> None:
    """Give every worker what the file says, and wake those for whom it changed."""
    for worker in workers:
        wanted = enabled.get(worker.policy.account, worker.policy.is_enabled)
        if wanted != worker.policy.is_enabled:
            worker.policy = replace(worker.policy, is_enabled=wanted)
            telemetry.tell("account enabled" if wanted else "account disabled", account=str(worker.policy.account))
            worker.wake()
