"""What is held and whose it is, by evidence: a read counts when journaled fills explain it, or when two agree."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from core.account_limits import restrict_account
from core.decisions.judge_position import (
    LIQUIDATION_REST,
    ClosingJudgement,
    PositionJudgement,
    Whose,
    is_turned,
    judge_closing,
    judge_position,
)
from core.decisions.recognise_engine import foreign_engine_tags
from core.model.events import DecisionMade, PositionAdopted, StandingChanged
from core.model.identity import Symbol
from core.model.instrument import Instrument
from core.model.ledger import SymbolLedger
from core.model.money import ZERO
from core.model.policy import AccountPolicy, OnForeignChange
from core.model.reading import Known, Reading, Unknown
from core.model.standing import Standing
from core.plan_executor import PlanExecutor
from core.ports.clock import Clock
from core.ports.exchange import Exchange
from core.ports.journal import Journal
from core.ports.telemetry import Telemetry
from core.position_reader import PositionReader, Positions

T = TypeVar("T")

FIRST_READ_DELAY_SECONDS = 0.05
DOUBT_SECONDS = 10.0
"""How long an unexplained position must stay the same before anything is concluded; increases wait meanwhile."""

ANSWER_SECONDS = 3.0
"""How long the exchange may take to say who traded and why: what is left of ours may have to be closed meanwhile."""

LONGEST_UNEXPLAINED = timedelta(days=1)
"""How far back the cause is looked for where the journal is older than the time that it keeps for this."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What the last read of a position proved.

    Attributes:
        positions: That read.
        held: Signed quantity, or unknown.
        judgement: Whose it is.
        is_doubted: Whether nothing was concluded from it yet; it is to be looked at again soon.
    """

    positions: Positions
    held: Reading[Decimal]
    judgement: PositionJudgement
    is_doubted: bool = False

    @property
    def is_of_others(self) -> bool:
        """Whether it is proven that what is held is not ours; a share of it may be."""
        is_told = isinstance(self.held, Known) and not self.is_doubted
        return is_told and self.judgement.whose in (Whose.FIRST_SIGHT, Whose.FOREIGN)


@dataclass(frozen=True, slots=True)
class _Doubt:
    """An unexplained position: since when on the loop's time, and the depth that was decided then."""

    held: Decimal
    since: float
    depth: Decimal


class PositionProver:
    """Proves the position of one symbol of one account."""

    def __init__(
        self,
        symbol: Symbol,
        policy: AccountPolicy,
        exchange: Exchange,
        executor: PlanExecutor,
        reader: PositionReader,
        journal: Journal,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._symbol = symbol
        self._policy = policy
        self._exchange = exchange
        self._executor = executor
        self._reader = reader
        self._journal = journal
        self._clock = clock
        self._telemetry = telemetry
        self._faced: PositionJudgement | None = None
        self._asks_for_engine = False
        self._doubted: _Doubt | None = None

    async def prove(self, positions: Positions, instrument: Instrument, price: Decimal | None) -> Proof:
        """Read until journaled fills explain the position, or until two reads agree that they do not.

        Args:
            positions: What was read last.
            instrument: The exchange's rules.
            price: Last price in USDT, None when unknown; a vanished position may look liquidated by it where the
                exchange does not say why.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._exchange.capabilities.read_lag_bound_seconds
        delay_seconds = FIRST_READ_DELAY_SECONDS
        previous: Decimal | None = None
        while True:
            held = held_of(positions, self._symbol)
            if isinstance(held, Unknown) or self._ledger.unsettled:
                return Proof(positions, held, PositionJudgement(Whose.OURS))
            judgement = judge_position(self._ledger, held.value, instrument, self._clock.now())
            if judgement.whose is Whose.OURS:
                await self._take_as_explained(held.value)
                return Proof(positions, held, judgement)
            if judgement == self._faced or (self._doubted and self._doubted.held == held.value):
                return await self._face(positions, held, instrument, price)
            if previous is not None and loop.time() + delay_seconds > deadline:
                break
            previous = held.value
            await asyncio.sleep(delay_seconds)
            delay_seconds *= 2
            positions = await self._reader.read()
        if previous != held.value:
            return Proof(positions, Unknown("two reads of the position disagree"), judgement)
        return await self._face(positions, held, instrument, price)

    async def _take_as_explained(self, held: Decimal) -> None:
        """Nothing is left to face; an agreement to adopt ends here instead of waiting for a later change."""
        self._faced, self._doubted = None, None
        if self._ledger.adopter:
            await self._journal.note(self._adopted(held, self._clock.now(), "already explained"))

    async def _face(
        self, positions: Positions, held: Known[Decimal], instrument: Instrument, price: Decimal | None
    ) -> Proof:
        """Conclude from a position that journaled fills do not explain."""
        waits = await self._executor.look_again(self._ledger) if self._ledger.lost else ""
        judgement = judge_position(self._ledger, held.value, instrument, self._clock.now())
        if waits:
            return Proof(positions, Unknown(waits), judgement)
        if judgement.whose is Whose.STALE:
            return Proof(positions, Unknown(judgement.evidence), judgement)
        if judgement.whose in (Whose.SHRUNK, Whose.FOREIGN) and self._doubts(held.value):
            return Proof(positions, held, judgement, is_doubted=True)
        if judgement.whose is not Whose.OURS:
            await self._tell_once(judgement)
            judgement = await self._apply_policy(held.value, judgement, instrument, price)
        return Proof(positions, held, judgement)

    def _doubts(self, held: Decimal) -> bool:
        """Whether a position that nothing explains is too new to conclude from: a very late read passes by itself."""
        now = asyncio.get_running_loop().time()
        if self._ledger.adopter:
            return False
        if self._doubted is None or self._doubted.held != held:
            decision = self._ledger.decision
            self._doubted = _Doubt(held, now, decision.depth if decision else ZERO)
        return now - self._doubted.since < DOUBT_SECONDS

    async def _apply_policy(
        self, held: Decimal, judgement: PositionJudgement, instrument: Instrument, price: Decimal | None
    ) -> PositionJudgement:
        """Apply the account's policy to a position that our fills do not explain."""
        ledger, now, policy = self._ledger, self._clock.now(), self._policy.on_foreign_change
        if ledger.adopter or (judgement.whose is Whose.FIRST_SIGHT and self._policy.adopt_on_first_start):
            why = f"{ledger.adopter} agreed" if ledger.adopter else "adopt_on_first_start"
            await self._journal.note(self._adopted(held, now, why))
        elif judgement.whose is Whose.FIRST_SIGHT:
            return judgement
        elif policy is OnForeignChange.RESTORE:
            await self._journal.note(self._adopted(held, now, f"restore; {judgement.evidence}"))
        elif policy is OnForeignChange.ADOPT:
            await self._keep_what_is_there(held, now, judgement)
        elif judgement.whose is Whose.RETURNED:
            await self._journal.note(self._adopted(held, now, f"there again; {judgement.evidence}"))
        elif judgement.whose is Whose.SHRUNK:
            await self._restrict(held, judgement, price)
        elif is_turned(ledger, held, now):
            await self._restrict(ZERO, judgement, price)
            self._faced = judge_position(self._ledger, held, instrument, now)
            return self._faced
        else:
            return judgement
        return judge_position(self._ledger, held, instrument, now)

    async def _keep_what_is_there(self, held: Decimal, now: datetime, judgement: PositionJudgement) -> None:
        adopted = self._adopted(held, now, f"adopt; {judgement.evidence}")
        decision = self._ledger.decision
        if decision is None:
            await self._journal.note(adopted)
            return
        kept = replace(decision, number=decision.number + 1, quantity=held, decided_at=now, capped="", unreachable="")
        await self._journal.note(adopted, DecisionMade(self._policy.account, self._symbol, now, kept))

    async def _restrict(self, held: Decimal, judgement: PositionJudgement, price: Decimal | None) -> None:
        """Take the smaller position as ours, and let it only shrink until a fresh entry or the operator.

        Of a position that somebody turned, that is zero: all of ours was traded away, and none of it comes back.
        """
        closing = await self._judge_closing(price)
        ledger, now = self._ledger, self._clock.now()
        why = f"{judgement.evidence}; {closing.evidence}"
        is_told = closing.is_told or judgement.whose is Whose.FOREIGN
        if self._has_entered_since(ledger) and not closing.rests:
            await self._journal.note(self._adopted(held, now, f"entered afresh since; {why}", is_told=is_told))
            return
        until = now + LIQUIDATION_REST if closing.rests else ledger.binding_until
        restricted = StandingChanged(ledger.account, self._symbol, now, Standing.REDUCE_ONLY, "engine", why, until)
        await self._journal.note(self._adopted(held, now, f"reduce_only; {why}", is_told=is_told), restricted)
        self._telemetry.tell(
            "symbol may only reduce",
            account=str(ledger.account),
            symbol=self._symbol,
            cause=closing.cause or "unknown",
            evidence=why,
            until=str(until or ""),
        )

    async def _judge_closing(self, price: Decimal | None) -> ClosingJudgement:
        """Ask the exchange once, for a short time, and judge by the price where it does not say."""
        ledger = self._ledger
        since = ledger.explained_at or self._clock.now() - LONGEST_UNEXPLAINED
        told = await _answer_in_time(self._exchange.read_closing_cause(self._symbol, since))
        return judge_closing(ledger, told, price)

    def _has_entered_since(self, ledger: SymbolLedger) -> bool:
        """Whether a fresh entry was decided after the change was first seen."""
        depth = ledger.decision.depth if ledger.decision else ZERO
        return self._doubted is not None and depth != ZERO and self._doubted.depth * depth <= ZERO

    async def _tell_once(self, judgement: PositionJudgement) -> None:
        """Report what nobody here did, and ask whether it was another engine: increases then stop.

        A question without an answer is asked again where nothing is ours to close, which it would hold up.
        """
        account = self._policy.account
        facts = {"account": str(account), "symbol": self._symbol, "evidence": judgement.evidence}
        if judgement != self._faced:
            self._faced, self._asks_for_engine = judgement, True
            self._telemetry.tell("position changed without us", kind=judgement.whose, **facts)
        elif not self._asks_for_engine or self._ledger.owned != ZERO:
            return
        ids = await _answer_in_time(self._exchange.read_recent_client_ids(self._symbol))
        self._asks_for_engine = not isinstance(ids, Known)
        tags = foreign_engine_tags(ids.value, self._journal.tag) if isinstance(ids, Known) else ()
        if tags:
            why = f"another engine (tag {', '.join(tags)}) trades {self._symbol} on this account"
            if judgement.whose is Whose.FIRST_SIGHT:
                why += ", or this one did before its state was lost"
            self._telemetry.tell("another engine trades this account", tags=tags, **facts)
            await restrict_account(self._journal, account, self._clock.now(), why)

    def _adopted(self, held: Decimal, now: datetime, why: str, *, is_told: bool = False) -> PositionAdopted:
        return PositionAdopted(self._policy.account, self._symbol, now, held, why, is_told)

    @property
    def _ledger(self) -> SymbolLedger:
        return self._journal.ledger(self._policy.account, self._symbol)


async def _answer_in_time(asking: Coroutine[Any, Any, Reading[T]]) -> Reading[T]:
    """What the exchange answers within `ANSWER_SECONDS`, unknown where it takes longer."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await asking
    except TimeoutError:
        return Unknown(f"the exchange did not answer within {ANSWER_SECONDS:g} s")


def held_of(positions: Positions, symbol: Symbol) -> Reading[Decimal]:
    """The signed quantity of one symbol in a read of all positions; what is unclear there is unknown here alone."""
    if isinstance(positions, Unknown):
        return positions
    position = positions.value.get(symbol)
    if position and position.unclear:
        return Unknown(position.unclear)
    return Known(position.quantity if position else ZERO, positions.read_at)
