"""Whether an order that the exchange tells is the one we meant."""

from datetime import datetime, timedelta

from core.model.ledger import OrderRecord
from core.model.order import OrderReport

CREATED_TOLERANCE = timedelta(seconds=5)
"""How far an exchange's clock may trail ours; its offset is corrected beforehand."""


def disagreement(record: OrderRecord, report: OrderReport, now: datetime) -> str:
    """In what the report differs from the intent, empty when it is the same order.

    A flag that the exchange does not echo is not compared. The creation time tells an old order of the
    same id (a restored journal) from the one just sent; it tells nothing while our clock shows a time before the
    send, since it was stepped back then. An exchange may clip a reduce-only order to the position.

    Args:
        record: What was journaled of the order.
        report: What the exchange tells under its id.
        now: UTC time.
    """
    intent = record.intent
    differences = []
    if report.client_order_id != intent.client_order_id:
        differences.append(f"id {report.client_order_id}")
    if report.symbol != intent.symbol:
        differences.append(f"symbol {report.symbol}, meant {intent.symbol}")
    if report.side is not intent.side:
        differences.append(f"side {report.side}, meant {intent.side}")
    clipped = intent.reduce_only and report.quantity < intent.quantity
    if report.quantity != intent.quantity and not clipped:
        differences.append(f"quantity {report.quantity}, meant {intent.quantity}")
    if report.reduce_only is not None and report.reduce_only != intent.reduce_only:
        differences.append(f"reduce-only {report.reduce_only}, meant {intent.reduce_only}")
    if report.margin_mode is not None and not intent.reduce_only and report.margin_mode is not intent.margin_mode:
        differences.append(f"margin mode {report.margin_mode}, meant {intent.margin_mode}")
    if record.sent_at <= now and report.created_at < record.sent_at - CREATED_TOLERANCE:
        differences.append(f"created {report.created_at}, before it was sent")
    return "; ".join(differences)
