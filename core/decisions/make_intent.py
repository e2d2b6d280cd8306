"""The next order of a trade: its size, its flags, and an id that says what it means."""

from decimal import Decimal

from core.decisions.slice_order import slice_order
from core.model.identity import derive_client_order_id
from core.model.instrument import Instrument
from core.model.ledger import OrderRecord, SymbolLedger
from core.model.order import OrderIntent
from core.model.plan import Trade
from core.model.position import MarginMode


def make_intent(
    ledger: SymbolLedger,
    trade: Trade,
    instrument: Instrument,
    margin_mode: MarginMode,
    leverage: Decimal,
    tag: str,
    epoch: str,
) -> OrderIntent:
    """The order to journal and send next for a trade.

    Args:
        ledger: What the journal knows of the symbol; its step count makes the id unique.
        trade: What is to be traded in all; the order may be its first slice.
        instrument: The exchange's rules.
        margin_mode: The position's own for reductions, the wanted one for increases.
        leverage: What the order carries where leverage is a field of the order.
        tag: The installation's 6 characters.
        epoch: The journal's epoch.
    """
    decision = ledger.decision.number if ledger.decision else 0
    return OrderIntent(
        client_order_id=derive_client_order_id(tag, epoch, ledger.account, ledger.symbol, decision, ledger.steps + 1),
        account=ledger.account,
        symbol=ledger.symbol,
        side=trade.side,
        quantity=slice_order(trade.quantity, instrument),
        reduce_only=trade.purpose.is_reduction,
        margin_mode=margin_mode,
        leverage=leverage,
        decision=decision,
    )


def find_resendable(ledger: SymbolLedger, intent: OrderIntent) -> OrderRecord | None:
    """A lost order that means just what is wanted now; it goes out again under its own id."""
    for record in reversed(ledger.lost):
        lost = record.intent
        if (lost.side, lost.quantity, lost.reduce_only, lost.margin_mode, lost.decision) == (
            intent.side,
            intent.quantity,
            intent.reduce_only,
            intent.margin_mode,
            intent.decision,
        ):
            return record
    return None
