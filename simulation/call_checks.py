"""Checks every call against what the exchanges answered before it: rules 7, 10 and 13.

A read counts as good when the exchange answered it and no fault had spoilt it. Answers carry no number of their
request, so among several reads at once of the same kind a good one is taken for the first to be answered: the checks
may let something pass, and never accuse the innocent.
"""

from collections import Counter, defaultdict, deque

from account_processors.spent_calls import LONG_SECONDS
from paper.faults import FaultKind
from paper.ledger import Entry
from paper.refusals import Reason
from simulation.scene import NEVER, Scene
from simulation.shown import Shown
from simulation.silence import Silence

READ_BEFORE_ORDER_SECONDS = 30.0
"""At most so old is the last good read of positions when an order comes in: what a pass may take for it, the proof of
leverage and margin mode, and the waiting for a place."""

READ_BEFORE_WORD_SECONDS = 20.0
"""At most so old are the reads from which a target is decided or confirmed."""

BUDGET_SECONDS = 60.0
"""After a step of the clock the limits are counted anew; what was spent may be unknown for so long, and for one window
of a longer limit. After a start it may be for so long, but not of the long limits, which outlive the engine."""

SPOILING = frozenset(FaultKind) - {
    FaultKind.CLOCK_SKEW,
    FaultKind.LATENCY,
    FaultKind.STALE_POSITIONS,
    FaultKind.SHORT_LIST,
    FaultKind.WRONG_FIELD,
    FaultKind.MISSING_FIELD,
    FaultKind.PARTIAL_FILL,
    FaultKind.REJECTED_LATER,
    FaultKind.ACCEPTED_LATE,
    FaultKind.LIQUIDATION,
    FaultKind.DELEVERAGING,
    FaultKind.FOREIGN_TRADE,
}
"""After these no answer of 200 tells what it should; damaged fields may be ones that nobody needs."""

Kind = tuple[str, str]


class CallChecks:
    """Follows the calls of every account.

    Attributes:
        oldest: The greatest age of a read seen before an order, a decision or a confirmation.
        limited: How often a published limit was passed, by exchange.
        shown: What the exchanges showed of prices and worth.
        shortened: By exchange: when its last list of positions was cut off without a word, which no reader can tell.
    """

    def __init__(self, scene: Scene) -> None:
        self.oldest: Counter[str] = Counter()
        self.limited: Counter[str] = Counter()
        self.shown = Shown(scene)
        self.shortened: dict[str, float] = {}
        self._scene = scene
        self._open: defaultdict[Kind, deque[bool]] = defaultdict(deque)
        self._good: dict[Kind, float] = {}
        self._silence = Silence(scene)

    def begin(self) -> None:
        """Another engine runs now: what an earlier one read or was told is forgotten."""
        self._good.clear()
        self._open.clear()
        self._silence.begin()

    def take(self, entry: Entry) -> None:
        """A request, a fault, a refusal or an answer."""
        kind = (entry.exchange, str(entry.facts["endpoint"]))
        if entry.kind == "request":
            self._open[kind].append(True)
            self._check_request(entry, kind)
        elif entry.kind == "fault":
            self._take_fault(kind, str(entry.facts["fault"]))
        elif entry.kind == "refused_request":
            self._spoil(kind)
            self._check_refusal(entry)
        else:
            is_good = entry.facts["outcome"] == "200"
            self._take_answer(kind, is_good=is_good)
            if is_good:
                self.shown.take_answer(entry.exchange, entry.account, kind[1])

    def check_word(self, exchange: str, what: str, *, needs_value: bool, needs_price: bool) -> None:
        """10: nothing is decided or confirmed for an account whose reads fail."""
        needed = ["positions"] + ["balance"] * needs_value + ["tickers"] * needs_price
        for endpoint in needed:
            self._demand(10, (exchange, endpoint), READ_BEFORE_WORD_SECONDS, what)

    def _check_request(self, entry: Entry, kind: Kind) -> None:
        exchange, endpoint = kind
        if self._scene.journal is None or self._scene.has_stranger(exchange):
            return
        if endpoint == "create_order":
            self._demand(7, (exchange, "positions"), READ_BEFORE_ORDER_SECONDS, "an order")
        self._silence.check(entry)

    def _demand(self, rule: int, kind: Kind, limit_seconds: float, what: str) -> None:
        age = self._scene.time() - self._good.get(kind, NEVER)
        name = f"{what} after {kind[1]}"
        self.oldest[name] = max(self.oldest[name], int(min(age, 1e6) * 1000))
        if age > limit_seconds and not self._scene.has_stranger(kind[0]):
            self._scene.fail(rule, f"{kind[0]}: {what} {age:.1f} s after the last good read of {kind[1]}")

    def _take_fault(self, kind: Kind, fault: str) -> None:
        if fault in SPOILING:
            self._spoil(kind)
        if fault == FaultKind.SHORT_LIST and kind[1] == "positions":
            self.shortened[kind[0]] = self._scene.time()
        self._silence.take_fault(*kind, fault)

    def _spoil(self, kind: Kind) -> None:
        """The newest request of the kind gets no good answer; faults are drawn right after the request."""
        waiting = self._open[kind]
        if waiting and waiting[-1]:
            waiting[-1] = False

    def _take_answer(self, kind: Kind, *, is_good: bool) -> None:
        waiting = self._open[kind]
        if is_good and True in waiting:
            waiting.remove(True)
            self._good[kind] = self._scene.time()
            self._silence.take_answer(*kind)
        elif False in waiting:
            waiting.remove(False)
        elif waiting:
            waiting.popleft()

    def _check_refusal(self, entry: Entry) -> None:
        """13: no published limit is passed by one engine that knows what it spent."""
        is_limit = entry.facts["reason"] in (Reason.RATE_LIMITED, Reason.ADDRESS_BANNED)
        if not is_limit or entry.facts["detail"] == "on demand":
            return
        self.limited[entry.exchange] += 1
        self._silence.take_refusal(entry)
        if self._scene.journal is None or self._knows_too_little(entry) or self._scene.has_stranger(entry.exchange):
            return
        self._scene.fail(13, f"{entry.exchange}: {entry.facts['endpoint']} passed the limit {entry.facts['detail']}")

    def _knows_too_little(self, entry: Entry) -> bool:
        """Whether the engine that runs need not know what was spent of a limit that was passed."""
        now, window_seconds = self._scene.time(), self._scene.limit_window_ms(entry) / 1000
        since_step, since_start = now - self._scene.stepped_at, now - self._scene.engine_since
        return (
            since_step < max(BUDGET_SECONDS, window_seconds)
            or (window_seconds < LONG_SECONDS and since_start < BUDGET_SECONDS)
            or now < self._scene.spending_unknown_until
        )
