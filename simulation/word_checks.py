"""Checks what the engine tells and keeps against the exchanges' books and files: rules 2, 10, 11, 14, 18, 19, 20."""

from collections.abc import Mapping
from decimal import Decimal

from core.model.identity import AccountId, Symbol
from core.model.money import ZERO, plain
from core.ports.journal import Journal
from simulation.call_checks import CallChecks
from simulation.scene import NEVER, Scene
from simulation.states import Place


class WordChecks:
    """Listens to the engine.

    Attributes:
        reads_may_lag_seconds: How far behind a read may be.
        valid_versions: Of the configuration, as the operator wrote valid ones; empty where nobody keeps them.
        secrets: What may never be told.
    """

    def __init__(self, scene: Scene, calls: CallChecks) -> None:
        self.reads_may_lag_seconds = 10.0
        self.valid_versions: set[str] = set()
        self.secrets: list[str] = []
        self._scene = scene
        self._calls = calls

    def take(self, event: str, facts: Mapping[str, object]) -> None:
        """The engine told something."""
        if event == "target decided":
            self._check_size(facts)
            self._check_decision(facts)
        elif event == "configuration valid" and self.valid_versions and facts["version"] not in self.valid_versions:
            self._scene.fail(14, f"configuration {facts['version']} was taken for valid")
        elif event == "target confirmed":
            self._check_confirmation(place_told(facts), Decimal(str(facts["held"])))
        elif event == "order disagrees with its intent":
            self._scene.fail(9, f"an id that was used before: {facts}")
        elif event in ("pass failed unexpectedly", "symbol failed unexpectedly", "merge failed unexpectedly"):
            self._scene.fail(0, f"an error of ours: {facts}")
        if self.secrets:
            text = str(facts)
            if any(secret in text for secret in self.secrets):
                self._scene.fail(20, f"a secret was told with {event!r}")

    def check_books(self, journal: Journal) -> None:
        """19: journaled fills explain what every exchange holds, where nobody else had a hand in it."""
        for place in self._scene.books:
            self._check_book(journal, place, is_final=True)

    def _check_book(self, journal: Journal, place: Place, *, is_final: bool) -> None:
        """What was given up may still have landed until somebody looks again; in the end it was looked for."""
        ledger, book = journal.ledger(*place), self._scene.books[place]
        is_open = ledger.unsettled or (ledger.lost and not is_final)
        if not book.is_tainted and not is_open and ledger.owned != book.quantity:
            told = f"fills explain {plain(ledger.owned)}, the exchange holds {plain(book.quantity)}"
            self._scene.fail(19, f"{place}: {told}")

    def _check_size(self, facts: Mapping[str, object]) -> None:
        """2: a position is worth at most the account's value x depth x leverage; 7 of numbers above zero."""
        if facts["equity"] is None or facts["price"] is None:
            return
        equity, price = Decimal(str(facts["equity"])), Decimal(str(facts["price"]))
        if not (equity.is_finite() and price.is_finite() and equity > ZERO and price > ZERO):
            self._scene.fail(7, f"a target sized with a value or price that is none: {facts}")
            return
        self._check_sources_of_size(place_told(facts), equity, price)
        worth = abs(Decimal(str(facts["quantity"]))) * price
        most = equity * abs(Decimal(str(facts["depth"]))) * Decimal(str(facts["leverage"]))
        if worth > most:
            self._scene.fail(2, f"a target worth {worth:.2f} USDT where {most:.2f} are asked: {facts}")

    def _check_sources_of_size(self, place: Place, equity: Decimal, price: Decimal) -> None:
        """2: value and price are those that the exchange itself had a moment ago."""
        exchange, shown = place[0].exchange, self._calls.shown
        for name, symbol, number in (("an account worth", "", equity), ("a price of", str(place[1]), price)):
            if not shown.was_shown(exchange, symbol, number):
                told = f"{name} {plain(number)}, where {exchange} showed {shown.lately(exchange, symbol)}"
                self._scene.fail(2, f"{place}: a target sized with {told}")

    def _check_decision(self, facts: Mapping[str, object]) -> None:
        """10: decided from good reads; 14: under a configuration that was valid."""
        place = place_told(facts)
        is_sized = facts["equity"] is not None
        self._calls.check_word(place[0].exchange, "a decision", needs_value=is_sized, needs_price=is_sized)
        decision = self._scene.journal.ledger(*place).decision if self._scene.journal else None
        version = decision.config_version if decision else ""
        if self.valid_versions and decision and version not in self.valid_versions:
            self._scene.fail(14, f"{place}: decided under configuration {version}, which was never valid")

    def _check_confirmation(self, place: Place, held: Decimal) -> None:
        """11: what is confirmed is what the exchange showed a moment ago; 19 and what fills explain."""
        book = self._scene.books[place]
        since = self._scene.time() - self.reads_may_lag_seconds
        is_shown = book.could_show(held, self._scene.lot(place), since)
        is_hidden = held == ZERO and self._calls.shortened.get(place[0].exchange, NEVER) >= since
        if not is_shown and not is_hidden:
            self._scene.fail(11, f"{place}: confirmed {plain(held)}, the exchange holds {plain(book.quantity)}")
        self._calls.check_word(place[0].exchange, "a confirmation", needs_value=False, needs_price=False)
        if self._scene.journal:
            self._check_book(self._scene.journal, place, is_final=False)


def place_told(facts: Mapping[str, object]) -> Place:
    """Where something was told to have happened."""
    return AccountId.parse(str(facts["account"])), Symbol(str(facts["symbol"]))
