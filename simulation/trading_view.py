"""TradingView as a simulated world has it: alerts in the body's words, sent once or again, and what was answered."""

import json
from dataclasses import dataclass
from decimal import Decimal

from core.model.money import ZERO
from signal_endpoints.in_process import Answer
from signal_processors.tradingview_lane import PAIR_SECONDS, RESEND_SECONDS, Verdict
from simulation.services import Service, Services
from simulation.virtual_time import VirtualClock

ANSWERED = 200
GATEWAY_ANSWERS = 502


@dataclass(slots=True)
class _Sent:
    """An alert, and when it was last answered 200; never, when that is None."""

    body: bytes
    depth: Decimal
    answered_at: float | None = None


class TradingView:
    """Sends alerts to the endpoint of one world.

    Attributes:
        acknowledged: Alerts that were answered 200, in order: symbol and depth.
        answered: Their bodies, each once.
        in_question: An alert that is sent and not answered yet.
    """

    def __init__(self, clock: VirtualClock) -> None:
        self.acknowledged: list[tuple[str, Decimal]] = []
        self.answered: list[str] = []
        self.in_question: tuple[str, Decimal] | None = None
        self._clock = clock
        self._sent: dict[str, list[_Sent]] = {}
        self._alerts_made = 0
        self._flat_at: dict[str, float] = {}

    async def alert(self, services: Services, symbol: str, depth: Decimal) -> Answer:
        """Post an alert that asks for a depth, as TradingView would; its price makes it unlike every other."""
        self._alerts_made += 1
        sent = self._sent.setdefault(symbol, [])
        leaves_short = bool(sent) and sent[-1].depth < ZERO
        message = {
            "symbol": symbol,
            "direction": "long" if depth > 0 else "short" if depth < 0 else "flat",
            "action": "buy" if depth > 0 or (not depth and leaves_short) else "sell",
            "leverage": "3",
            "size": f"{depth * 100}/100" if depth else "Exit @ 1",
            "price": str(self._alerts_made),
        }
        sent.append(_Sent(json.dumps(message).encode(), depth))
        self.in_question = (symbol, depth)
        answer = await self._post(services, sent[-1].body)
        self.in_question = None
        self._take(symbol, sent[-1], answer)
        return answer

    async def resend(self, services: Services, symbol: str, back: int = 1) -> str:
        """Post the symbol's last alert once more, or the one so many before it, byte for byte.

        Returns:
            What is wrong with that, empty when nothing is.
        """
        sent = self._sent.get(symbol, [])
        if len(sent) < back:
            return ""
        one, newer = sent[-back], sent[len(sent) - back + 1 :]
        before = one.answered_at
        answer = await self._post(services, one.body)
        if answer.status != ANSWERED or _result(answer) != Verdict.APPLIED:
            return ""
        is_old = any(later.answered_at is not None for later in newer)
        if is_old and before is not None and self._clock.seconds() - before < RESEND_SECONDS:
            return f"{symbol}: an earlier alert, sent again, was applied: {one.body!r}"
        self._take(symbol, one, answer)
        return ""

    def _take(self, symbol: str, sent: _Sent, answer: Answer) -> None:
        if answer.status != ANSWERED:
            return
        now = self._clock.seconds()
        sent.answered_at = now
        # Beside a flat of the last seconds nobody may be able to tell which came last, and flat is safe.
        is_beside_flat = now - self._flat_at.get(symbol, -PAIR_SECONDS) <= PAIR_SECONDS
        is_used = _result(answer) == Verdict.APPLIED or not is_beside_flat
        if sent.body.decode() not in self.answered:
            self.answered.append(sent.body.decode())
        self.acknowledged.append((symbol, sent.depth if is_used else ZERO))
        if not sent.depth:
            self._flat_at[symbol] = now

    async def _post(self, services: Services, body: bytes) -> Answer:
        """Post a body; while no endpoint runs, the gateway in front of it answers."""
        if not services.is_up(Service.ENDPOINT):
            return Answer(GATEWAY_ANSWERS, {}, b"")
        return await services.post(body)


def _result(answer: Answer) -> str:
    return str(json.loads(answer.body)["result"])
