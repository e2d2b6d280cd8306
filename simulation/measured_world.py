"""The bare world with everything that measures the engine in place."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from core.account_worker import AccountWorker
from core.model.identity import AccountId
from core.model.policy import AccountPolicy
from core.signal_manager import SignalManager
from core.trade_executor import TradeExecutor
from operations.committers import commit_inline
from operations.engine_metrics import EngineState
from operations.journal_file import open_journal
from operations.measured import MeasuredExchange, MeasuredPasses, measured_committer
from operations.metrics import Listeners, Metrics
from simulation.bare_world import EPOCH, World
from simulation.virtual_time import run_virtually


class MeasuredWorld(World):
    """The engine over bare exchanges, wired with metrics as the service is."""

    def start(self) -> None:
        """Wire the engine over the journal as it is on disk."""
        self.metrics = Metrics("trade-engine", self.clock)
        telemetry = Listeners(self.told, self.metrics)
        committer = measured_committer(commit_inline, self.metrics)
        self.journal = open_journal(self._folder / "journal.sqlite", EPOCH, committer)
        self.manager = SignalManager(self.sources, self.journal, self.view, {}, self.clock, telemetry)
        passes = MeasuredPasses(self.passes, self.metrics)
        self.workers = [
            AccountWorker(
                policy,
                MeasuredExchange(self.exchanges[policy.account], self.metrics),
                self.journal,
                self.clock,
                telemetry,
            )
            for policy in self.policies
        ]
        self.executor = TradeExecutor(
            self.config, self.manager, self.workers, self.journal, self.commands, passes, telemetry
        )
        self.metrics.expect(str(policy.account) for policy in self.policies)
        self.metrics.registry.register(
            EngineState(self.policies, self.journal, self.manager.judged_sources, passes.last, self.clock, self._folder)
        )

    def scrape(self) -> dict[str, float]:
        """Every sample as the official parser reads the text, under `name{label=value,...}`."""
        return read_samples(generate_latest(self.metrics.registry).decode())


def read_samples(text: str) -> dict[str, float]:
    """Prometheus text to samples, by name and sorted labels."""
    samples: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            samples[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return samples


def live_measured(folder: Path, story: Callable[[MeasuredWorld], Awaitable[None]]) -> None:
    """Run a story in a fresh measured world of one account `bybit`, in virtual time."""

    async def main() -> None:
        world = MeasuredWorld(folder, [AccountPolicy(AccountId("bybit"))])
        await story(world)
        await asyncio.sleep(0)
        world.journal.close()

    run_virtually(main())
