"""An account whose credentials the exchange does not accept is left alone, longer each time."""

import asyncio

from core.decisions.watch_exchange import barred_pause_seconds
from core.model.identity import AccountId
from core.ports.telemetry import Telemetry

CONFIRMED_AFTER_SECONDS = 1.0
"""How much later refused credentials must be refused again to count."""


class Quarantine:
    """Counts how often an account's credentials were refused in a row, and until when it rests, on the loop's time."""

    def __init__(self, account: AccountId, telemetry: Telemetry) -> None:
        self._account = account
        self._telemetry = telemetry
        self._times = 0
        self._until: float | None = None
        self._why = ""
        self._is_unreadable = False
        self._doubted_since: dict[bool, float] = {}

    @property
    def why(self) -> str:
        """Why the account rests, empty when it does not."""
        return self._why if self.rest_seconds() > 0.0 else ""

    def rest_seconds(self) -> float:
        """How much longer the account is left alone, zero when it is not."""
        return 0.0 if self._until is None else max(0.0, self._until - asyncio.get_running_loop().time())

    def begin(self, why: str, *, is_unreadable: bool) -> None:
        """The credentials were refused, for reading already or for orders only.

        A single refusal may be the exchange's mistake, and an exit may hang on it: the account rests only when it is
        refused again a moment later.
        """
        now = asyncio.get_running_loop().time()
        doubted_since = self._doubted_since.setdefault(is_unreadable, now)
        if self.rest_seconds() > 0.0 or now - doubted_since < CONFIRMED_AFTER_SECONDS:
            return
        self._times += 1
        self._is_unreadable = is_unreadable
        self._until = asyncio.get_running_loop().time() + barred_pause_seconds(self._times)
        self._why = f"the exchange does not accept the credentials: {why}"
        if self._times == 1:
            self._telemetry.tell("account quarantined", account=str(self._account), why=why)

    def saw_good_read(self) -> None:
        """The account could be read; that ends a quarantine which refused reads had begun, and the doubt before it."""
        self._doubted_since.pop(True, None)
        if self._is_unreadable:
            self.end()

    def end(self) -> None:
        """The credentials worked, or the operator wants them tried again."""
        if self._times:
            self._telemetry.tell("account out of quarantine", account=str(self._account))
        self._times, self._until, self._is_unreadable = 0, None, False
        self._doubted_since.clear()
