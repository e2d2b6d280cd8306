"""Counters of one service, fed by what its parts tell; every name begins with trade_engine_."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, GCCollector, Histogram, PlatformCollector, ProcessCollector

from core.decisions.judge_position import Whose
from core.model.order import RefusalReason
from core.ports.clock import Clock
from core.ports.telemetry import Telemetry

CONVERGENCE_SECONDS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300, 1800)
LAG_SECONDS = (0.001, 0.005, 0.02, 0.1, 0.5, 1, 5)
COMMIT_SECONDS = (0.0002, 0.001, 0.005, 0.02, 0.1, 0.5, 2)
CALL_SECONDS = (0.01, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)


class Listeners:
    """core.ports.telemetry.Telemetry that passes every event on, in order."""

    def __init__(self, *listeners: Telemetry) -> None:
        self._listeners = listeners

    def tell(self, event: str, **facts: object) -> None:
        """Tell all."""
        for listener in self._listeners:
            listener.tell(event, **facts)


class Metrics:
    """core.ports.telemetry.Telemetry as counters, and the registry that a scrape reads.

    Attributes:
        registry: This service's own; nothing is registered globally.
    """

    def __init__(self, service: str, clock: Clock) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self._service = service
        self._clock = clock
        self._decided_at: dict[tuple[str, str], tuple[str, datetime]] = {}
        self._make_order_counters()
        self._make_engine_counters()
        self._make_histograms()
        self._listeners: dict[str, Callable[[Mapping[str, object]], None]] = {
            "order settled": lambda facts: self.settled.labels(_of(facts, "account"), _kind_of_order(facts)).inc(),
            "order refused": lambda facts: self.refused.labels(_of(facts, "account"), _of(facts, "reason")).inc(),
            "order outcome unknown": lambda facts: self.unknown.labels(_of(facts, "account")).inc(),
            "order never arrived": lambda facts: self.never_arrived.labels(_of(facts, "account")).inc(),
            "order disagrees with its intent": lambda facts: self.disagreeing.labels(_of(facts, "account")).inc(),
            "position changed without us": lambda facts: self.foreign.labels(
                _of(facts, "account"), _of(facts, "kind")
            ).inc(),
            "source judged": lambda facts: self.judgements.labels(_of(facts, "source"), _of(facts, "use")).inc(),
            "operator command applied": lambda facts: self.commands.labels(_of(facts, "verb")).inc(),
            "configuration invalid, last valid one stays": lambda _: self.invalid_configurations.inc(),
            "pass failed": lambda facts: self.failed_passes.labels(_of(facts, "account")).inc(),
            "pass failed unexpectedly": lambda facts: self.failed_passes.labels(_of(facts, "account")).inc(),
            "target decided": self._count_decision,
            "target confirmed": self._count_confirmation,
        }

    def tell(self, event: str, **facts: object) -> None:
        """Count one event; an event that has no counter of its own still counts by its name."""
        self.events.labels(self._service, event).inc()
        listener = self._listeners.get(event)
        if listener:
            listener(facts)

    def expect(self, accounts: Iterable[str] = ()) -> None:
        """Begin the rare counters of these accounts at zero, so that the first event is seen as a rise."""
        for account in accounts:
            for counter in (self.unknown, self.never_arrived, self.disagreeing, self.failed_passes, self.passes):
                counter.labels(account)
            for whose in Whose:
                self.foreign.labels(account, whose)
            for reason in RefusalReason:
                self.refused.labels(account, reason)

    def _make_order_counters(self) -> None:
        self.settled = self._counter("orders_settled", "Orders whose outcome was proven.", "account", "kind")
        self.refused = self._counter("orders_refused", "Orders proven not executed.", "account", "reason")
        self.unknown = self._counter("orders_unknown", "Sends that ended without proof either way.", "account")
        self.never_arrived = self._counter("orders_never_arrived", "Orders that the exchange never got.", "account")
        self.disagreeing = self._counter("orders_disagreeing", "Answers that contradict the intent.", "account")
        self.decisions = self._counter("decisions", "Targets sized.", "account")
        self.confirmations = self._counter("confirmations", "Targets that a fresh read agreed with.", "account")
        self.foreign = self._counter("foreign_changes", "Positions changed by someone else.", "account", "kind")

    def _make_engine_counters(self) -> None:
        self.events = self._counter("events", "Everything told, by name.", "service", "event")
        self.judgements = self._counter("source_judgements", "Changes in how far a source is used.", "source", "use")
        self.commands = self._counter("operator_commands", "Operator commands applied.", "verb")
        self.invalid_configurations = self._counter("invalid_configurations", "Configurations that were refused.")
        self.passes = self._counter("passes", "Passes that read the account.", "account")
        self.failed_passes = self._counter("failed_passes", "Passes that ended in a failure.", "account")
        self.calls = self._counter("exchange_calls", "Calls to an exchange by result.", "account", "call", "result")

    def _make_histograms(self) -> None:
        self.convergence = self._histogram(
            "convergence_seconds", "From a decision to its confirmation.", CONVERGENCE_SECONDS, "account"
        )
        self.pass_seconds = self._histogram(
            "pass_seconds", "From a pass's first read to its end.", CONVERGENCE_SECONDS, "account"
        )
        self.call_seconds = self._histogram(
            "exchange_call_seconds", "Duration of a call to an exchange.", CALL_SECONDS, "account", "call"
        )
        self.commit_seconds = self._histogram("journal_commit_seconds", "Duration of a journal commit.", COMMIT_SECONDS)
        self.loop_lag = self._histogram("loop_lag_seconds", "How late the event loop woke up.", LAG_SECONDS)

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(f"trade_engine_{name}", meaning, labels, registry=self.registry)

    def _histogram(self, name: str, meaning: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(f"trade_engine_{name}", meaning, labels, buckets=buckets, registry=self.registry)

    def _count_decision(self, facts: Mapping[str, object]) -> None:
        account = _of(facts, "account")
        self.decisions.labels(account).inc()
        self._decided_at[account, _of(facts, "symbol")] = (_of(facts, "decision"), self._clock.now())

    def _count_confirmation(self, facts: Mapping[str, object]) -> None:
        account = _of(facts, "account")
        self.confirmations.labels(account).inc()
        number, decided_at = self._decided_at.pop((account, _of(facts, "symbol")), ("", None))
        if decided_at and number == _of(facts, "decision"):
            seconds = (self._clock.now() - decided_at).total_seconds()
            self.convergence.labels(account).observe(max(0.0, seconds))


def _of(facts: Mapping[str, object], name: str) -> str:
    return str(facts.get(name, ""))


def _kind_of_order(facts: Mapping[str, object]) -> str:
    return "reduction" if _of(facts, "reduce_only") == "True" else "increase"
