"""Tells what a pass decided, and why symbols wait: once per reason, so that an idle engine says nothing."""

import re
from collections.abc import Iterable, Mapping, Sequence

from core.model.decision import Decision
from core.model.identity import AccountId, Symbol
from core.model.outcome import SymbolOutcome
from core.ports.telemetry import Telemetry

_NUMBER = re.compile(r"-?\d+(\.\d+)?")


class PassTeller:
    """Remembers what was told of one account last."""

    def __init__(self, account: AccountId, telemetry: Telemetry) -> None:
        self._account = str(account)
        self._telemetry = telemetry
        self._told: dict[Symbol, str] = {}

    def tell_decisions(self, decisions: Mapping[Symbol, Decision]) -> None:
        """Say what was decided."""
        for symbol, made in decisions.items():
            self._telemetry.tell(
                "target decided",
                account=self._account,
                symbol=symbol,
                decision=made.number,
                depth=made.depth,
                leverage=made.leverage,
                equity=made.equity,
                price=made.price,
                quantity=made.quantity,
                unreachable=made.unreachable,
                capped=made.capped,
            )

    def tell_changes(self, outcomes: Iterable[SymbolOutcome]) -> Sequence[SymbolOutcome]:
        """Say why a symbol is not where it should be, once per reason; other numbers in it are no other reason."""
        told = list(outcomes)
        for outcome in told:
            reason = _NUMBER.sub("#", outcome.why)
            if self._told.get(outcome.symbol, "") != reason:
                self._told[outcome.symbol] = reason
                event = "symbol waits" if outcome.why else "symbol in order"
                self._telemetry.tell(event, account=self._account, symbol=outcome.symbol, why=outcome.why)
        return told

    def tell_fault(self, symbol: Symbol, why: str) -> None:
        """Say that a fault of ours ended one symbol's work for this pass."""
        self._telemetry.tell("symbol failed unexpectedly", account=self._account, symbol=symbol, why=why)
