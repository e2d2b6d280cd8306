"""What a scrape of the engine reads from memory at that moment: sources, gaps, orders in flight, standings."""

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from core.decisions.judge_source import JudgedSource, SourceUse
from core.model.identity import AccountId, SourceName
from core.model.ledger import SymbolLedger
from core.model.outcome import PassReport
from core.model.policy import AccountPolicy
from core.model.reading import Known
from core.model.standing import Standing
from core.ports.clock import Clock
from core.ports.journal import Journal


class EngineState(Collector):
    """Gauges computed when they are asked for, from the journal's ledgers and the last passes.

    The metrics server runs on the engine's own loop, so nothing changes while they are read.
    """

    def __init__(
        self,
        policies: Sequence[AccountPolicy],
        journal: Journal,
        judged_sources: Callable[[], Mapping[SourceName, JudgedSource]],
        last_passes: Mapping[AccountId, PassReport],
        clock: Clock,
        home: Path,
    ) -> None:
        self._policies = policies
        self._journal = journal
        self._judged_sources = judged_sources
        self._last_passes = last_passes
        self._clock = clock
        self._home = home

    def collect(self) -> Iterable[Metric]:
        """Every gauge, as of now."""
        now = self._clock.now()
        yield from self._sources(now)
        yield from self._passes(now)
        yield from self._ledgers(now)
        yield self._standings()
        yield self._disk()

    def describe(self) -> Iterable[Metric]:
        """Nothing is read at registration."""
        return []

    def _sources(self, now: datetime) -> Iterator[Metric]:
        heartbeat = _gauge("source_heartbeat_age_seconds", "Since the source last rewrote its frame.", "source")
        content = _gauge("source_content_age_seconds", "Since the source last fetched or said something new.", "source")
        use = _gauge("source_use", "1 for what may be done with the source now.", "source", "use")
        for source, judged in self._judged_sources().items():
            for candidate in SourceUse:
                use.add_metric([source, candidate], float(candidate is judged.use))
            if judged.frame:
                heartbeat.add_metric([source], _age(judged.frame.heartbeat_at, now))
                content.add_metric([source], _age(judged.frame.fetched_at or judged.frame.written_at, now))
        yield from (heartbeat, content, use)

    def _passes(self, now: datetime) -> Iterator[Metric]:
        age = _gauge("last_pass_age_seconds", "Since the account's last pass ended.", "account")
        equity = _gauge("equity_usdt", "Account value at the last pass, absent while unknown.", "account")
        known = _gauge("account_known", "1 when the last pass could read value and positions.", "account")
        for account, report in self._last_passes.items():
            name = str(account)
            age.add_metric([name], _age(report.at, now))
            if report.snapshot:
                value, positions = report.snapshot.equity, report.snapshot.positions
                known.add_metric([name], float(isinstance(value, Known) and isinstance(positions, Known)))
                if isinstance(value, Known):
                    equity.add_metric([name], float(value.value))
        yield from (age, equity, known)

    def _ledgers(self, now: datetime) -> Iterator[Metric]:
        target = _gauge("target_quantity", "Decided position in base asset.", "account", "symbol")
        owned = _gauge("owned_quantity", "Position that journaled fills explain, in base asset.", "account", "symbol")
        unconfirmed = _gauge("unconfirmed_seconds", "Age of the oldest decision no read agreed with yet.", "account")
        in_flight = _gauge("orders_in_flight", "Orders that may still change the position.", "account")
        oldest = _gauge("oldest_order_in_flight_seconds", "Age of the oldest of them.", "account")
        enabled = _gauge("account_enabled", "1 while the account may trade.", "account")
        for policy in self._policies:
            name, ledgers = str(policy.account), self._journal.ledgers(policy.account)
            enabled.add_metric([name], float(policy.is_enabled))
            for ledger in ledgers:
                if ledger.decision:
                    target.add_metric([name, ledger.symbol], float(ledger.decision.quantity))
                owned.add_metric([name, ledger.symbol], float(ledger.owned))
            orders = [record for ledger in ledgers for record in ledger.unsettled]
            in_flight.add_metric([name], len(orders))
            oldest.add_metric([name], _oldest((record.sent_at for record in orders), now))
            unconfirmed.add_metric([name], _oldest(_unconfirmed(ledgers), now))
        yield from (target, owned, unconfirmed, in_flight, oldest, enabled)

    def _standings(self) -> Metric:
        standings = _gauge("standing", "1 for everything that is not active, by scope.", "scope", "standing", "by")
        for scope, entry in self._journal.standings().by_scope.items():
            by = "engine" if entry.by == "engine" else "operator"
            standings.add_metric([str(scope), entry.standing, by], 1)
        for policy in self._policies:
            for ledger in self._journal.ledgers(policy.account):
                if ledger.standing is not Standing.ACTIVE:
                    standings.add_metric([f"{policy.account} {ledger.symbol}", ledger.standing, "engine"], 1)
        return standings

    def _disk(self) -> Metric:
        free = _gauge("disk_free_bytes", "Room left for the journal and the records.")
        try:
            free.add_metric([], shutil.disk_usage(self._home).free)
        except OSError:
            return free
        return free


def _unconfirmed(ledgers: Iterable[SymbolLedger]) -> Iterator[datetime]:
    for ledger in ledgers:
        if ledger.decision and not ledger.is_confirmed:
            yield ledger.decision.decided_at


def _oldest(times: Iterable[datetime], now: datetime) -> float:
    return max((_age(at, now) for at in times), default=0.0)


def _age(at: datetime, now: datetime) -> float:
    return (now - at).total_seconds()


def _gauge(name: str, meaning: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"trade_engine_{name}", meaning, labels=labels)
