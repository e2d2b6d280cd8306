"""One account's signed connection: an unmodified ccxt class behind budgets, deadlines and our own code tables."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import ccxt.async_support as ccxt

from account_processors.clock_offset import AskTime, ClockOffset
from account_processors.dialect import (
    RESET_EPOCH_MILLISECONDS,
    RESET_MILLISECONDS,
    Call,
    Profile,
)
from account_processors.foreign_errors import read_error
from account_processors.limiter import BudgetExhausted, Lane, Limiter
from account_processors.outcomes import CallFailed, Meaning, Unproven
from account_processors.replies import Envelope, MalformedReply
from core.model.failures import InvalidInput
from core.model.order import RefusalReason

T = TypeVar("T")
Params = Mapping[str, object] | Sequence[str] | None

DEFAULT_BLOCK_SECONDS = 1.0
LONGEST_BLOCK_SECONDS = 60.0
BAN_SECONDS = 60.0
"""After an address was banned for a time that the exchange does not tell."""
_DETAIL_LENGTH = 200


@dataclass(frozen=True, slots=True)
class CallSettings:
    """Patience with an exchange.

    Attributes:
        read_timeout_seconds: Deadline of a read, waiting for our own budget included.
        write_timeout_seconds: Deadline of a write once it is on its way.
        longest_wait_before_write_seconds: How long a write may wait for our own budget; then it is not sent.
        read_tries: How often a read is tried; a write is never repeated here.
        first_pause_seconds: Before the second try, then doubled; shortened by up to half, differently per account.
    """

    read_timeout_seconds: float = 5.0
    write_timeout_seconds: float = 5.0
    longest_wait_before_write_seconds: float = 2.0
    read_tries: int = 2
    first_pause_seconds: float = 0.2

    def __post_init__(self) -> None:
        if min(self.read_timeout_seconds, self.write_timeout_seconds) <= 0 or self.read_tries < 1:
            raise InvalidInput("call settings: timeouts must be greater than zero and read_tries at least 1")


@dataclass(frozen=True, slots=True)
class Keys:
    """What signs requests; shown nowhere."""

    api_key: str
    secret: str
    passphrase: str = ""

    def __repr__(self) -> str:
        return "Keys(…)"

    def hide_in(self, text: str) -> str:
        """The text without any of them."""
        for value in (self.secret, self.passphrase, self.api_key):
            if value:
                text = text.replace(value, "[redacted]")
        return text


class CcxtClient:
    """Asks one exchange for one account.

    Args:
        profile: The exchange as data.
        envelope: How its answers are unwrapped.
        keys: What signs.
        limiter: This key's budgets.
        clock_offset: What time the exchange has.
        settings: Timeouts and tries.
        session: Gives what carries requests, on first use; who opened it closes it.
        urls: ccxt's table of addresses, None for the exchange's own.
    """

    def __init__(
        self,
        profile: Profile,
        envelope: Callable[[object], Envelope],
        keys: Keys,
        limiter: Limiter,
        clock_offset: ClockOffset,
        settings: CallSettings,
        session: Callable[[], Any],
        urls: Mapping[str, object] | None,
    ) -> None:
        self.profile = profile
        self.clock_offset = clock_offset
        self.settings = settings
        self.ask_time: AskTime | None = None
        self._envelope = envelope
        self._keys = keys
        self._limiter = limiter
        self._open_session = session
        self._urls = urls
        self._ccxt: Any = None
        self._is_closed = False

    async def read(self, call: Call, params: Params = None) -> Envelope:
        """Ask until there is an answer, the tries are used up, or the deadline passes.

        Raises:
            CallFailed: With what the last try proved.
            MalformedReply: If the answer cannot be read.
        """
        return await self.read_with(call, lambda _: self._exchange_words(call, params))

    async def write(self, call: Call, params: Params = None) -> Envelope:
        """Send once.

        Raises:
            CallFailed: With what the answer, or its absence, proved.
            MalformedReply: If the answer cannot be read; the write may have happened.
        """
        return await self.write_with(call, lambda _: self._exchange_words(call, params))

    async def read_with(self, call: Call, ask: Callable[[Any], Awaitable[T]]) -> T:
        """As read, through whatever the function asks of the ccxt object."""
        pause = self.settings.first_pause_seconds
        for tries_left in range(self.settings.read_tries - 1, -1, -1):
            try:
                async with asyncio.timeout(self.settings.read_timeout_seconds):
                    if call.is_signed and self.ask_time:
                        await self.clock_offset.ensure(self.ask_time)
                    await self._admit(call, self.settings.read_timeout_seconds)
                    return await self._translated(call, ask)
            except TimeoutError:
                failure = self._timed_out(self.settings.read_timeout_seconds)
            except CallFailed as error:
                failure = error
            if not tries_left or not failure.is_transient:
                break
            await asyncio.sleep(pause * self._shortening(call))
            pause *= 2
        raise failure

    async def write_with(self, call: Call, send: Callable[[Any], Awaitable[T]]) -> T:
        """As write, through whatever the function asks of the ccxt object."""
        await self._admit(call, self.settings.longest_wait_before_write_seconds)
        try:
            async with asyncio.timeout(self.settings.write_timeout_seconds):
                return await self._translated(call, send)
        except TimeoutError:
            raise self._timed_out(self.settings.write_timeout_seconds) from None

    def raw(self) -> Any:  # noqa: ANN401 - ccxt is untyped
        """The ccxt object itself, for exchanges that are spoken to through its unified methods.

        Raises:
            CallFailed: After close.
        """
        if self._is_closed:
            raise CallFailed(f"{self.profile.name}: the connection is closed", was_sent=False, code="own")
        if self._ccxt is None:
            self._ccxt = self._build()
        return self._ccxt

    def refusal(self, reason: RefusalReason, detail: str) -> CallFailed:
        """A refusal of our own: nothing was sent."""
        return CallFailed(f"{self.profile.name}: {detail}", code="own", meaning=reason)

    async def close(self) -> None:
        """Close ccxt's object; safe to call twice."""
        self._is_closed = True
        exchange, self._ccxt = self._ccxt, None
        if exchange is not None:
            await exchange.close()

    async def _admit(self, call: Call, longest_wait_seconds: float) -> None:
        try:
            await self._limiter.admit(call.budgets, call.weight, call.lane, longest_wait_seconds)
        except BudgetExhausted as error:
            raise CallFailed(
                f"{self.profile.name}: {error}",
                was_sent=False,
                code="own",
                retry_after_seconds=error.wait_seconds,
                is_held_back=not error.is_left_alone,
            ) from None

    async def _translated(self, call: Call, ask: Callable[[Any], Awaitable[T]]) -> T:
        """What an admitted call brings, foreign exceptions as ours."""
        try:
            return await self._asked(call, ask)
        finally:
            self._limiter.end(call.budgets, call.weight)

    async def _asked(self, call: Call, ask: Callable[[Any], Awaitable[T]]) -> T:
        exchange = self.raw()
        try:
            answer = await ask(exchange)
        except (CallFailed, MalformedReply):
            raise
        except Exception as error:  # noqa: BLE001 - the edge where foreign exceptions are translated; a parser may raise anything
            failure = self.failure(*read_error(error, self._envelope))
            failure.retry_after_seconds = self._heed(call, failure, exchange)
            raise failure from None
        if call.lane is not Lane.ORDINARY:
            self._limiter.answered(call.budgets)
        return answer

    async def _exchange_words(self, call: Call, params: Params) -> Envelope:
        """One request and its answer."""
        exchange = self.raw()
        given = list(params) if isinstance(params, Sequence) else dict(params or {})
        envelope = self._envelope(await exchange.request(call.path, list(call.api), call.method, given))
        if not envelope.ok:
            failure = self.failure(envelope.message, envelope.code)
            failure.retry_after_seconds = self._heed(call, failure, exchange)
            raise failure
        return envelope

    def _heed(self, call: Call, failure: CallFailed, exchange: Any) -> float | None:  # noqa: ANN401 - ccxt has no types
        """Obey what a failure asks of the calls that follow; how long it asks to wait."""
        if failure.meaning is RefusalReason.CLOCK:
            self.clock_offset.expire()
        is_limit = failure.meaning is RefusalReason.RATE_LIMITED or failure.code == "HTTP 429"
        if not is_limit:
            return None
        seconds = self._seconds_until_reset(exchange.last_response_headers or {})
        if failure.code in self.profile.ban_codes:
            seconds = max(seconds, BAN_SECONDS)
        self._limiter.block(call.budgets, seconds)
        return seconds

    def _seconds_until_reset(self, headers: Mapping[str, str]) -> float:
        lower = {name.lower(): value for name, value in headers.items()}
        for name, unit in self.profile.reset_headers:
            try:
                number = float(lower.get(name, ""))
            except ValueError:
                continue
            seconds = number
            if unit == RESET_MILLISECONDS:
                seconds = number / 1000
            elif unit == RESET_EPOCH_MILLISECONDS:
                seconds = (number - self.clock_offset.milliseconds()) / 1000
            if seconds > 0.0:
                return min(seconds, LONGEST_BLOCK_SECONDS)
        return DEFAULT_BLOCK_SECONDS

    def failure(self, message: str, code: str) -> CallFailed:
        """What the exchange's code proves, in words without any secret."""
        meaning: Meaning | None = self.profile.codes.get(code)
        if meaning is None and code.startswith("HTTP "):
            meaning = Unproven.BUSY
        shown = self._keys.hide_in(f"{self.profile.name}: {code} {message}".replace("  ", " "))[:_DETAIL_LENGTH]
        return CallFailed(shown, code=code, meaning=meaning)

    def _timed_out(self, seconds: float) -> CallFailed:
        return CallFailed(f"{self.profile.name}: no answer within {seconds:g} s")

    def _shortening(self, call: Call) -> float:
        """Between 0.5 and 1, the same for the same key and path, so that accounts do not retry in step."""
        spread = sum(map(ord, self._keys.api_key + call.path)) % 101
        return 1.0 - spread / 202

    def _build(self) -> Any:  # noqa: ANN401 - ccxt has no types
        """The ccxt object. Only constructor options, session, addresses and clock are ours; a test pins this list."""
        config: dict[str, object] = {
            "enableRateLimit": False,
            "timeout": int(1000 * max(self.settings.read_timeout_seconds, self.settings.write_timeout_seconds) + 1000),
            "timeout_on_exit": 0,
            "has": {"fetchCurrencies": False},  # Else keys without wallet rights could not list markets.
            "options": {**self.profile.options, "maxRetriesOnFailure": 0},
            "session": self._open_session(),
            "ssl_context": False,  # The session brings its own; without this ccxt would load a second one.
        }
        parts = (self._keys.api_key, self._keys.secret, self._keys.passphrase)
        config.update({name: part for name, part in zip(self.profile.key_names, parts, strict=True) if name and part})
        exchange = getattr(ccxt, self.profile.ccxt_id)(config)
        if self._urls is not None:
            exchange.urls["api"] = dict(self._urls)
        exchange.milliseconds = self.clock_offset.milliseconds
        return exchange
