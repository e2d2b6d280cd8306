"""Faults that wait for a moment: each meets the first fitting request that an account makes in a wanted state."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal

from core.model.identity import AccountId
from core.model.position import MarginMode
from paper.account import Account
from paper.exchange import PaperExchange
from paper.faults import Fault, FaultKind
from paper.house import PaperHouse
from paper.interventions import deleverage, liquidate_now, trade_from_elsewhere
from paper.ledger import Entry
from paper.refusals import Refused
from simulation.actions import AimFault
from simulation.states import States

STRIKES = (FaultKind.LIQUIDATION, FaultKind.DELEVERAGING, FaultKind.FOREIGN_TRADE)
"""What happens to a position and not to a request; struck here, just before the request is processed."""

ON_A_POSITION = (*STRIKES[:2], FaultKind.SHORT_LIST, FaultKind.WRONG_FIELD, FaultKind.MISSING_FIELD)
"""What does nothing where nothing is held; the last two where a row of positions is damaged."""


class Aims:
    """The aims of one world that have not met their request yet.

    Args:
        house: The exchanges.
        states: What every account is about.
        market_of: An exchange's own name of a unified symbol.
    """

    def __init__(self, house: PaperHouse, states: States, market_of: Callable[[str, str], str]) -> None:
        self.is_suspended: Callable[[str], bool] = lambda _: False
        self._house = house
        self._states = states
        self._market_of = market_of
        self._waiting: list[AimFault] = []
        house.ledger.observers.append(self._look_at)

    def add(self, aim: AimFault) -> None:
        """Let it wait."""
        self._waiting.append(aim)

    def clear(self) -> None:
        """Forget all that still wait."""
        self._waiting.clear()

    def _look_at(self, entry: Entry) -> None:
        """A request came in; the exchange draws the faults that meet it right after this."""
        if entry.kind != "request" or not self._waiting or self.is_suspended(entry.exchange):
            return
        state = self._states.of(AccountId(entry.exchange, entry.account))
        for aim in self._waiting:
            if aim.state is state and aim.fault.exchange == entry.exchange and self._meets(aim.fault, entry):
                self._waiting.remove(aim)
                return

    def _meets(self, fault: Fault, entry: Entry) -> bool:
        """Let the fault meet this request if it means something to it; whether it did."""
        if fault.endpoint not in ("", entry.facts["endpoint"]):
            return False
        venue = self._house.exchanges[entry.exchange]
        account = venue.accounts[entry.account]
        is_on_position = fault.kind in ON_A_POSITION and fault.endpoint in ("", "positions")
        if is_on_position and not account.positions:
            return False
        if fault.kind in STRIKES:
            return self._strike(fault, venue, account, str(entry.facts["endpoint"]))
        self._house.faults.add(replace(fault, symbol=str(entry.facts.get("symbol", ""))))
        return True

    def _strike(self, fault: Fault, venue: PaperExchange, account: Account, endpoint: str) -> bool:
        """Hit the symbol that the account is busy with, else any that it holds."""
        busy = self._states.in_flight(AccountId(venue.name, account.label))
        markets = [self._market_of(venue.name, symbol) for symbol in busy]
        held = [key.symbol for key in account.positions]
        is_foreign = fault.kind is FaultKind.FOREIGN_TRADE
        fitting = [name for name in markets if name in held or (is_foreign and _opens_as_we_do(venue, account, name))]
        market = next(iter(fitting or held), "")
        if not market:
            return False
        facts = {"fault": fault.kind, "endpoint": endpoint, "symbol": market}
        self._house.ledger.record(venue.now_ms(), "fault", venue.name, account.label, facts)
        quantity = sum((abs(row.quantity) for row in account.held(market)), Decimal(0)) * fault.share
        lot = venue.markets[market].lot_step
        quantity = max(lot, (quantity / lot).to_integral_value(rounding="ROUND_DOWN") * lot)
        with suppress(Refused):
            if fault.kind is FaultKind.LIQUIDATION:
                liquidate_now(venue, account, market)
            elif fault.kind is FaultKind.DELEVERAGING:
                deleverage(venue, account, market, quantity)
            else:
                trade_from_elsewhere(venue, account, market, quantity.copy_sign(fault.quantity or Decimal(1)))
        return True


def _opens_as_we_do(venue: PaperExchange, account: Account, market: str) -> bool:
    """Whether somebody's trade by hand opens a position in our margin mode; else one symbol would be held in two."""
    return venue.margin_mode(account, market) is MarginMode.ISOLATED
