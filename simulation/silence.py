"""13: after a refusal for its limits an exchange is left alone; what may go on nevertheless is told apart by lanes.

What only makes a position smaller goes on. What tells of orders and positions is asked again after four seconds at
most, and freely once the exchange has answered such a question. Everything else waits for as long as the exchange asks
for: the time that it states, a minute where an address was banned, else a second.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from paper.faults import FaultKind
from paper.ledger import Entry
from paper.refusals import Reason
from simulation.scene import NEVER, Scene

LEFT_ALONE_SECONDS = 1.0
"""The least time for which a limit is heeded where the exchange names none."""

BANNED_SECONDS: Mapping[str, float] = {"bybit": 60.0, "blofin": 1.0, "kucoin": 1.0, "mexc": 0.0}
"""For how long a ban is heeded. Bybit's is told from a limit by its status; BloFin's and KuCoin's read like a limit;
what MEXC says then, "access denied", is what it says to keys without a right, and nobody can know it for a ban."""

STATES_WAIT = ("bybit", "kucoin")
"""Exchanges whose refusals for a limit say when the window ends."""

LOOK_UP_SECONDS = 4.0
LOOK_UPS = frozenset({"positions", "order", "open_orders", "order_history", "cancel_order"})

UNDER_WAY_SECONDS = 0.05
"""What was admitted before the refusal was read may still come in for so long."""

HIDING = (
    FaultKind.HANG,
    FaultKind.CUT_BEFORE,
    FaultKind.SERVER_ERROR,
    FaultKind.HTML_PAGE,
    FaultKind.LATENCY,
)
"""With these a client does not get to see, or not yet, that the exchange wants to be left alone."""

UNCLEAR_SECONDS = 20.0
"""A real refusal of a kind of call that met a fault within so long may not have reached the client."""

KUCOIN_PUBLIC = frozenset({"time", "status", "markets", "risk_limits", "tickers", "mark_price", "funding_rate", "book"})
MEXC_LIMITS: Mapping[str, str] = {
    **dict.fromkeys(("balance", "position_mode"), "account"),
    **dict.fromkeys(("order", "order_history", "open_orders", "fills"), "orders"),
    **dict.fromkeys(("create_order", "cancel_order"), "trade"),
    **dict.fromkeys(("tickers", "time", "book"), "public"),
}
"""Which of MEXC's calls share a limit; each of the others has one of its own."""

Limit = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Refusal:
    """A refusal for a limit: about what, when, and until when nothing ordinary may follow."""

    endpoint: str
    at: float
    until: float


class Silence:
    """Remembers who wants to be left alone, and tells on calls that come all the same."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._refusals: dict[Limit, list[_Refusal]] = {}
        self._looked: dict[Limit, float] = {}
        self._faults: dict[tuple[str, str], float] = {}
        self._hidden: dict[tuple[str, str], float] = {}

    def begin(self) -> None:
        """Another engine runs now, which was told nothing."""
        self._refusals.clear()

    def take_fault(self, exchange: str, endpoint: str, fault: str) -> None:
        """A fault met a call; several may meet the same one."""
        kind, now = (exchange, endpoint), self._scene.time()
        self._faults[kind] = now
        if fault == FaultKind.RATE_LIMITED:
            self._refuse(exchange, endpoint, LEFT_ALONE_SECONDS)
        elif fault == FaultKind.BANNED:
            self._refuse(exchange, endpoint, BANNED_SECONDS[exchange])
        elif fault in HIDING:
            self._hidden[kind] = now
        if self._hidden.get(kind, NEVER) >= now:
            limit = _limit_of(exchange, endpoint)
            known = self._refusals.get(limit, [])
            self._refusals[limit] = [one for one in known if (one.endpoint, one.at) != (endpoint, now)]

    def take_refusal(self, entry: Entry) -> None:
        """A limit was really passed."""
        exchange, endpoint, now = entry.exchange, str(entry.facts["endpoint"]), self._scene.time()
        if now - self._faults.get((exchange, endpoint), NEVER) < UNCLEAR_SECONDS:
            return
        if entry.facts["reason"] == Reason.ADDRESS_BANNED:
            self._refuse(exchange, endpoint, BANNED_SECONDS[exchange])
        elif exchange in STATES_WAIT:
            self._refuse(exchange, endpoint, self._stated_seconds(entry))
        else:
            self._refuse(exchange, endpoint, LEFT_ALONE_SECONDS)

    def take_answer(self, exchange: str, endpoint: str) -> None:
        """A good answer: what tells of orders and positions may be asked freely again."""
        if endpoint in LOOK_UPS or endpoint == "create_order":
            self._looked[_limit_of(exchange, endpoint)] = self._scene.time()

    def check(self, entry: Entry) -> None:
        """A call came in."""
        exchange, endpoint, now = entry.exchange, str(entry.facts["endpoint"]), self._scene.time()
        limit = _limit_of(exchange, endpoint)
        known = [one for one in self._refusals.get(limit, []) if now < one.until]
        if limit in self._refusals:
            self._refusals[limit] = known
        for one in known:
            if one.at + UNDER_WAY_SECONDS <= now < self._ends(one, limit, endpoint) and not self._is_reduction(entry):
                told = f"{endpoint} asked {now - one.at:.2f} s after {one.endpoint} was refused for a limit"
                left = f"{exchange} wanted to be left alone for {one.until - one.at:.1f} s"
                self._scene.fail(13, f"{left}: {told}")
                return

    def _ends(self, one: _Refusal, limit: Limit, endpoint: str) -> float:
        """When a call may go out again."""
        if endpoint not in LOOK_UPS:
            return one.until
        if self._looked.get(limit, NEVER) >= one.at:
            return NEVER
        return min(one.until, one.at + LOOK_UP_SECONDS)

    def _is_reduction(self, entry: Entry) -> bool:
        """Whether a call may be an order that only makes a position smaller; the journal knows it before it is sent."""
        if entry.facts["endpoint"] != "create_order" or self._scene.journal is None:
            return False
        ledger = self._scene.journal.ledger(*self._scene.place_of(entry)[0])
        return any(one.intent.reduce_only for one in ledger.unsettled)

    def _refuse(self, exchange: str, endpoint: str, seconds: float) -> None:
        if seconds <= 0.0:
            return
        now = self._scene.time()
        known = self._refusals.setdefault(_limit_of(exchange, endpoint), [])
        # A call that meets a limit and a ban at once is answered with the limit, which is the shorter.
        same = [one for one in known if (one.endpoint, one.at) == (endpoint, now)]
        until = min([now + seconds, *(one.until for one in same)])
        known[:] = [*(one for one in known if one not in same), _Refusal(endpoint, now, until)]

    def _stated_seconds(self, entry: Entry) -> float:
        """What the exchange says: when its window ends."""
        window_ms = self._scene.limit_window_ms(entry)
        return (window_ms - entry.at_ms % window_ms) / 1000


def _limit_of(exchange: str, endpoint: str) -> Limit:
    """Which calls wait together: those that draw from one published limit."""
    if exchange == "kucoin":
        return exchange, "public" if endpoint in KUCOIN_PUBLIC else "signed"
    return exchange, MEXC_LIMITS.get(endpoint, endpoint) if exchange == "mexc" else ""
