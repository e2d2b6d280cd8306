"""Merges once, hands each account its targets and waits for none of them."""

import asyncio
from collections.abc import Sequence

from core.account_worker import AccountWorker
from core.exchange_watch import ExchangeWatch
from core.model.events import AdoptionGranted, Event, StandingChanged
from core.model.failures import EngineError, StorageFailure
from core.model.identity import AccountId
from core.model.outcome import PassReport
from core.model.standing import OperatorCommand, Standing, Verb
from core.model.target import TradingConfig
from core.ports.command_inbox import CommandInbox
from core.ports.config_source import ConfigSource
from core.ports.journal import Journal
from core.ports.telemetry import Telemetry, pass_number
from core.ports.views import PassView
from core.signal_manager import SignalManager

DEFAULT_POLL_SECONDS = 0.5
FAILED_PASS_PAUSE_SECONDS = 5.0
STOP_GRACE_SECONDS = 0.5
"""How long passes may go on after the engine was asked to stop: the process is to be gone 1.5 s after the signal, and
the interpreter takes its part of that."""


class TradeExecutor:
    """The engine's loop between what the sources say and what the accounts hold."""

    def __init__(
        self,
        config_source: ConfigSource,
        signal_manager: SignalManager,
        workers: Sequence[AccountWorker],
        journal: Journal,
        inbox: CommandInbox,
        pass_view: PassView,
        telemetry: Telemetry,
        poll_seconds: float = DEFAULT_POLL_SECONDS,
        failed_pass_pause_seconds: float = FAILED_PASS_PAUSE_SECONDS,
    ) -> None:
        self._config_source = config_source
        self._signal_manager = signal_manager
        self._workers = workers
        self._journal = journal
        self._inbox = inbox
        self._pass_view = pass_view
        self._telemetry = telemetry
        self._poll_seconds = poll_seconds
        self._failed_pass_pause_seconds = failed_pass_pause_seconds
        self._nudge = asyncio.Event()
        self._stopping = False
        self._problem = ""
        self._journal_problem = ""
        self._due: dict[AccountId, float] = {}
        watches: dict[str, ExchangeWatch] = {}
        for worker in workers:
            worker.watch = watches.setdefault(worker.policy.account.exchange, worker.watch)
        if any(worker.policy.is_live for worker in workers):
            signal_manager.demand_authentication()

    async def run(self, stop: asyncio.Event) -> None:
        """Follow the sources until asked to stop; what is in flight then is in the journal.

        Args:
            stop: Set to end. No new targets are taken and no increase begins; passes may end within a grace time, and
                an open question to an exchange is settled by the next start.
        """
        self._set_stopping(is_stopping=False)
        self._due = dict.fromkeys(
            (worker.policy.account for worker in self._workers), asyncio.get_running_loop().time()
        )
        followers = [
            asyncio.create_task(self._follow(worker), name=str(worker.policy.account)) for worker in self._workers
        ]
        stopping = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                await self._execute_and_tell()
                await self._wait(stopping)
        finally:
            self._set_stopping(is_stopping=True)
            if followers:
                await asyncio.wait(followers, timeout=STOP_GRACE_SECONDS)
            for task in (*followers, stopping):
                task.cancel()
            await asyncio.gather(*followers, stopping, return_exceptions=True)
            await asyncio.gather(*(worker.stop() for worker in self._workers))

    def _set_stopping(self, *, is_stopping: bool) -> None:
        self._stopping = is_stopping
        for worker in self._workers:
            worker.wind_down(is_stopping=is_stopping)

    async def _execute_and_tell(self) -> None:
        """One merge; a fault in it is told, and the accounts go on with the targets they have."""
        try:
            await self.execute()
        except EngineError as error:
            self._telemetry.tell("merge failed", why=str(error))
        except Exception as error:  # noqa: BLE001 - the boundary of one merge: no source may stop the accounts
            self._telemetry.tell("merge failed unexpectedly", why=f"{type(error).__name__}: {error}")

    def overdue_seconds(self) -> dict[AccountId, float]:
        """How late each account's next pass is to end: zero while it waits for its time, or rests."""
        now = asyncio.get_running_loop().time()
        return {account: max(0.0, now - due) for account, due in self._due.items()}

    def nudge(self) -> None:
        """Look at the sources and the configuration now instead of at the next poll."""
        self._nudge.set()

    async def execute(self) -> bool:
        """One merge: load the configuration once, merge all sources, hand over; whether anything changed."""
        await self._apply_commands()
        self._tell_journal_problem()
        config = self._load_weight_config()
        targets = await self._signal_manager.check_for_updates(config)
        if targets is None:
            return False
        for worker in self._workers:
            worker.hand_over(targets)
        return True

    async def process_account(self, worker: AccountWorker) -> PassReport:
        """One pass over one account, and its one confirmation."""
        pass_number.set(pass_number.get() + 1)
        report = await worker.run_pass()
        await self._signal_manager.confirm_execution(report.account, worker.confirmed_depths(report))
        self._due[report.account] = asyncio.get_running_loop().time() + worker.next_pass_seconds
        if report.snapshot:
            self._publish(report)
        return report

    def _publish(self, report: PassReport) -> None:
        try:
            self._pass_view.publish(report)
        except StorageFailure as error:
            self._telemetry.tell("pass view not written", why=str(error))

    def _load_weight_config(self) -> TradingConfig:
        config = self._config_source.load()
        problem = self._config_source.problem()
        if problem != self._problem:
            self._problem = problem
            self._telemetry.tell(
                "configuration invalid, last valid one stays" if problem else "configuration valid",
                problem=problem,
                version=config.version,
            )
        return config

    async def _apply_commands(self) -> None:
        """Apply what the operator asked for since the last look, each command once."""
        commands = self._inbox.pending(self._journal.last_command())
        for command in commands:
            await self._journal.record_command(command, *self._events_of(command))
            self._telemetry.tell(
                "operator command applied", verb=command.verb, scope=str(command.scope), by=command.by, why=command.why
            )
            if command.verb is Verb.RESUME and command.scope.symbol is None and command.scope.source is None:
                for worker in self._workers:
                    if command.scope.account in (None, worker.policy.account):
                        await worker.resume()
        for worker in self._workers if commands else ():
            worker.wake()

    def _tell_journal_problem(self) -> None:
        problem = self._journal.problem()
        if problem != self._journal_problem:
            self._journal_problem = problem
            self._telemetry.tell("journal not durable, increases stop, reductions go on", why=problem)

    def _events_of(self, command: OperatorCommand) -> list[Event]:
        """What a command changes in the ledgers of the accounts it is about."""
        events: list[Event] = []
        scope, by, why = command.scope, command.by, command.why
        for worker in self._workers:
            account = worker.policy.account
            if command.verb is Verb.ADOPT and scope.symbol and scope.account == account:
                events.append(AdoptionGranted(account, scope.symbol, command.at, by))
            for ledger in self._journal.ledgers(account):
                is_restricted = ledger.standing is not Standing.ACTIVE and scope.covers(account, ledger.symbol)
                if command.verb is Verb.RESUME and is_restricted:
                    events.append(StandingChanged(account, ledger.symbol, command.at, Standing.ACTIVE, by, why))
        return events

    async def _follow(self, worker: AccountWorker) -> None:
        """One account's own loop; its failures are told and never reach another account."""
        while True:
            await worker.wait_for_work()
            if self._stopping:
                return
            try:
                await self.process_account(worker)
            except EngineError as error:
                self._telemetry.tell("pass failed", account=str(worker.policy.account), why=str(error))
            except Exception as error:  # noqa: BLE001 - the boundary of one account: a fault of ours stays in it
                why = f"{type(error).__name__}: {error}"
                self._telemetry.tell("pass failed unexpectedly", account=str(worker.policy.account), why=why)
            else:
                continue
            await asyncio.sleep(self._failed_pass_pause_seconds)
            worker.wake()

    async def _wait(self, stopping: "asyncio.Task[bool]") -> None:
        """Until a nudge, the next poll or the end."""
        nudged = asyncio.create_task(self._nudge.wait())
        try:
            await asyncio.wait((nudged, stopping), timeout=self._poll_seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            nudged.cancel()
        self._nudge.clear()
