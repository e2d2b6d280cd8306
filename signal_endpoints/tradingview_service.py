"""The webhook as one ASGI application: who may speak, a body in time, a key, and then the processor."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import asdict
from typing import Any, Self

from config.home import Home
from config.webhook_keys import KEY_PATTERN, LIKE_A_KEY, WebhookKey, match_key
from core.model.failures import StorageFailure
from core.ports.clock import Clock
from core.ports.telemetry import Telemetry
from signal_endpoints.caller import identify
from signal_endpoints.receipt import BodyRefused, CallerGone, Receive, Scope, Send, answer, read_body
from signal_endpoints.refusals import Refusals
from signal_endpoints.surroundings import Surroundings
from signal_endpoints.webhook_config import WebhookConfig
from signal_processors.records import Committer, commit_inline
from signal_processors.tradingview_alert import AlertBounds
from signal_processors.tradingview_book import UNAUTHENTICATED
from signal_processors.tradingview_lane import Verdict
from signal_processors.tradingview_processor import Outcome, Rules, TradingViewProcessor
from signal_processors.tradingview_rhythm import Rhythm

KEYS_PER_MESSAGE = 4
MASK = b"[key]"

_STATUS = {Verdict.REFUSED: 422, Verdict.CONFLICT: 409}


class TradingViewService:
    """Everything between a request and the processor; an ASGI application once entered.

    Args:
        home: Where keys, record and frame live.
        clock: The wall clock.
        telemetry: Is told of every message and refusal.
        committer: Where the record is written and synced; on the loop unless told otherwise.
        housekeeper: Where frames and snapshots are written.

    Raises:
        InvalidConfig: When entered, if a file of the operator is invalid.
    """

    def __init__(
        self,
        home: Home,
        clock: Clock,
        telemetry: Telemetry,
        committer: Committer = commit_inline,
        housekeeper: Committer = commit_inline,
    ) -> None:
        self._home = home
        self._telemetry = telemetry
        self._stack = AsyncExitStack()
        self._config: WebhookConfig | None = None
        self._refusals: Refusals | None = None
        self.refused: Counter[str] = Counter()
        self.surroundings = Surroundings(home, clock, housekeeper)
        self.processor = TradingViewProcessor(home, clock, telemetry, self.rules, committer, housekeeper)

    async def __aenter__(self) -> Self:
        """Read what was kept and begin to beat."""
        time = asyncio.get_running_loop().time
        self._config, self._refusals = WebhookConfig(self._home, time), Refusals(time)
        await self._stack.enter_async_context(self.processor)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Finish what is being written."""
        await self._stack.aclose()

    @property
    def config(self) -> WebhookConfig:
        """What the operator wrote.

        Raises:
            RuntimeError: Before the service was entered.
        """
        if self._config is None:
            raise RuntimeError("the service has not been entered")
        return self._config

    def rules(self) -> Rules:
        """What the operator wants of messages, as of now."""
        settings, keys = self.config.settings(), self.config.keys()
        rhythms = {
            key.strategy: Rhythm(key.rhythm_minutes, key.made_at)
            for key in keys or ()
            if key.rhythm_minutes is not None
        }
        bounds = AlertBounds(settings.max_depth, settings.max_leverage, settings.max_age_seconds)
        return Rules(bounds, self.config.symbols(), keys is not None, rhythms)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one POST of a message."""
        address = scope["client"][0] if scope.get("client") else ""
        caller = identify(scope["headers"], address, self.config.settings())
        if caller.refusal:
            await self._refuse(send, caller.address, 403, caller.refusal)
            return
        try:
            body = await read_body(scope, receive)
        except BodyRefused as error:
            await self._refuse(send, caller.address, error.status, str(error))
            return
        except CallerGone:
            return
        key, masked = self._authenticate(scope["path"], body)
        if key == "":
            await self._refuse(send, caller.address, 401, "the key is missing or not valid")
            return
        await self._take(send, key, masked)

    async def admits(self, scope: Scope, send: Send) -> bool:
        """Whether a request other than a message may be answered; when not, it has been refused."""
        address = scope["client"][0] if scope.get("client") else ""
        caller = identify(scope["headers"], address, self.config.settings())
        if caller.refusal:
            await self._refuse(send, caller.address, 403, caller.refusal)
        return not caller.refusal

    def health(self) -> dict[str, Any]:
        """What GET /health shows: no symbols, no depths, no names, no paths; nothing is read from the disk for it."""
        reasons = self.processor.reasons()
        failure = self.processor.failure or self.processor.unpublished or self.config.problem()
        disk, clock = self.surroundings.disk, self.surroundings.clock
        is_failed = failure or disk.is_writable is False
        is_degraded = reasons or disk.is_low or clock.is_off
        return {
            "status": "failed" if is_failed else "degraded" if is_degraded else "ok",
            "authenticated": self.rules().authenticated,
            "records": self.processor.book.sequence,
            "messages": dict(self.processor.counts),
            "refused": dict(self.refused),
            "warnings": len(reasons),
            "disk": asdict(disk),
            "clock": asdict(clock),
        }

    async def _take(self, send: Send, strategy: str, body: bytes) -> None:
        try:
            outcome = await self.processor.take(strategy, body)
        except StorageFailure as error:
            self._telemetry.tell("message not stored", source="tradingview", why=str(error))
            await answer(send, 503, {"status": "not stored", "reason": "try again"}, is_last=False)
            return
        status = _STATUS.get(outcome.verdict, 200)
        await answer(send, status, _content(outcome), is_last=False)

    def _authenticate(self, path: str, body: bytes) -> tuple[str, bytes]:
        """The strategy that a message belongs to, empty when its key is not valid, and the message without its key."""
        in_body, in_path = KEY_PATTERN.findall(body)[:KEYS_PER_MESSAGE], path.strip("/").encode()
        masked = LIKE_A_KEY.sub(MASK, body)
        keys = self.config.keys()
        if keys is None:
            return (UNAUTHENTICATED if not in_path else ""), masked
        found = [match_key(keys, in_body)]
        if in_path:
            found.append(match_key(keys, [in_path]))
            if self.config.settings().allow_path_token and not in_body:
                found = found[1:]
        return _one_strategy(found), masked

    async def _refuse(self, send: Send, address: str, status: int, reason: str) -> None:
        self.refused[reason] += 1
        if self._refusals and not self._refusals.may_answer(address, self.config.settings().refusals_per_minute):
            await answer(send, 429, {"status": "refused", "reason": "too many refused requests"}, is_last=True)
            return
        self._telemetry.tell("caller refused", source="tradingview", address=address, status=status, why=reason)
        await answer(send, status, {"status": "refused", "reason": reason}, is_last=True)


def _one_strategy(found: list[WebhookKey | None]) -> str:
    strategies = {key.strategy if key else "" for key in found}
    return strategies.pop() if len(strategies) == 1 else ""


def _content(outcome: Outcome) -> dict[str, str]:
    status = "refused" if outcome.verdict in _STATUS else "ok"
    content = {"status": status, "result": str(outcome.verdict), "record_id": outcome.record_id}
    return content | {"reason": outcome.note} if outcome.note else content
