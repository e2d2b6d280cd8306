"""Spoiled inputs for every parser, for as long as one likes; what fails is cut down and kept."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Protocol

from simulation.fuzz_replies import reply_targets
from simulation.fuzz_targets import Failure, parser_targets
from simulation.mutations import mutations, smaller

ROUND_INPUTS = 200
SHRINK_TRIES = 200


class Target(Protocol):
    """A reader of bytes from outside that reads or refuses, and does nothing else."""

    @property
    def name(self) -> str:
        """What the command calls it."""
        ...

    def seeds(self) -> Sequence[bytes]:
        """Valid inputs."""
        ...

    def first_failure(self, inputs: Iterator[bytes]) -> Failure | None:
        """The first input that was neither read nor refused as declared."""
        ...


@dataclass(frozen=True, slots=True)
class TargetReport:
    """What one target withstood.

    Attributes:
        target: Its name.
        inputs: How many it was given.
        failure: The smallest input found on which it fails, None when it withstood all.
    """

    target: str
    inputs: int
    failure: Failure | None

    def as_json(self) -> dict[str, object]:
        """For machines; the input as hexadecimal digits."""
        failure = self.failure and asdict(self.failure) | {"content": self.failure.content.hex()}
        return {"target": self.target, "inputs": self.inputs, "failure": failure}


def all_targets() -> dict[str, Target]:
    """Every target by name."""
    targets: list[Target] = [*parser_targets(), *reply_targets()]
    return {target.name: target for target in targets}


def try_inputs(target: Target, seed: int, count: int) -> TargetReport:
    """Give a target so many spoiled inputs.

    Args:
        target: Whose parser.
        seed: The same seed brings the same inputs.
        count: How many, valid ones among them.
    """
    given, documents = 0, target.seeds()

    def counted() -> Iterator[bytes]:
        nonlocal given
        for content in islice(mutations(documents, seed), count):
            given += 1
            yield content

    failure = target.first_failure(counted())
    return TargetReport(target.name, given, shrink(target, failure) if failure else None)


def shrink(target: Target, failure: Failure) -> Failure:
    """The smallest input that still fails, as far as a bounded number of tries finds it."""
    tries, is_smaller = 0, True
    while is_smaller and tries < SHRINK_TRIES:
        is_smaller = False
        for content in smaller(failure.content):
            tries += 1
            found = target.first_failure(iter([content]))
            if found:
                failure, is_smaller = found, True
                break
            if tries >= SHRINK_TRIES:
                break
    return failure


def fuzz(
    targets: Sequence[Target], seed: int, minutes: float, told: Callable[[str, int, float], None]
) -> list[TargetReport]:
    """Try all targets in turn, a round each, until the time is up; one that failed is not tried again.

    Args:
        targets: Which.
        seed: Of the first round; the next ones count up.
        minutes: Real time; every target has one round at least.
        told: Is told the target, its inputs so far, and the share of the time that is gone.
    """
    began, reports = time.monotonic(), {target.name: TargetReport(target.name, 0, None) for target in targets}
    spent, number = 0.0, 0
    while number == 0 or (spent < 1 and not all(report.failure for report in reports.values())):
        for target in targets:
            before = reports[target.name]
            if before.failure or (number and spent >= 1):
                continue
            found = try_inputs(target, seed + number, ROUND_INPUTS)
            reports[target.name] = TargetReport(target.name, before.inputs + found.inputs, found.failure)
            spent = (time.monotonic() - began) / (minutes * 60) if minutes else 1.0
            told(target.name, before.inputs + found.inputs, min(spent, 1.0))
        number += 1
    return list(reports.values())
