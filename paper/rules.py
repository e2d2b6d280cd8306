"""What differs between the four exchanges, as data.

Sources: the exchanges' documentation, recorded answers and client code; where these are silent (clipping on BloFin and
KuCoin, modes kept apart on BloFin, the default position mode of MEXC) the likely behaviour is modelled.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from core.model.position import MarginMode


class MarginModeScope(StrEnum):
    """What one margin mode setting covers."""

    ACCOUNT = "account"
    SYMBOL = "symbol"
    ORDER = "order"


class OversizeReduce(StrEnum):
    """What happens to a reduce-only order that is larger than the position."""

    CLIP = "clip"
    REFUSE = "refuse"


class DuplicateId(StrEnum):
    """What a repeated client order id gets."""

    REFUSE = "refuse"
    RETURN_EXISTING = "return_existing"


@dataclass(frozen=True, slots=True)
class ExchangeRules:
    """One exchange's semantics.

    Attributes:
        name: bybit, blofin, kucoin or mexc.
        margin_mode_scope: What a margin mode setting covers.
        must_order_mode_match: An order that names another mode than the setting is refused (KuCoin).
        keeps_modes_apart: Isolated and cross positions of one symbol may stand beside each other (BloFin).
        default_margin_mode: Of a new account, symbol or order that names none.
        leverage_by_mode: Leverage settings are kept per margin mode.
        leverage_by_leg: Leverage settings are kept per direction (MEXC).
        is_leverage_in_isolated_order: An isolated order carries its leverage.
        is_position_mode_by_symbol: Position mode is a setting of the symbol (Bybit), else of the account.
        default_hedged: Position mode of a new account.
        default_leverage: Of a symbol that was never set.
        oversize_reduce: Clip or refuse.
        duplicate_id: Refuse or return the existing order.
        client_id_pattern: What a client order id may look like.
        taker_fee: Share of notional.
        maker_fee: Share of notional.
        is_unchanged_refused: "Nothing to change" is an error (Bybit).
        order_id_style: `uuid` or `number`.
    """

    name: str
    margin_mode_scope: MarginModeScope
    default_margin_mode: MarginMode
    client_id_pattern: re.Pattern[str]
    must_order_mode_match: bool = False
    keeps_modes_apart: bool = False
    leverage_by_mode: bool = False
    leverage_by_leg: bool = False
    is_leverage_in_isolated_order: bool = False
    is_position_mode_by_symbol: bool = False
    default_hedged: bool = False
    default_leverage: Decimal = Decimal(10)
    oversize_reduce: OversizeReduce = OversizeReduce.CLIP
    duplicate_id: DuplicateId = DuplicateId.REFUSE
    taker_fee: Decimal = Decimal("0.0006")
    maker_fee: Decimal = Decimal("0.0002")
    is_unchanged_refused: bool = False
    order_id_style: str = "number"


RULES: dict[str, ExchangeRules] = {
    rules.name: rules
    for rules in (
        ExchangeRules(
            name="bybit",
            margin_mode_scope=MarginModeScope.ACCOUNT,
            default_margin_mode=MarginMode.CROSS,
            client_id_pattern=re.compile(r"[A-Za-z0-9_-]{1,36}"),
            is_position_mode_by_symbol=True,
            taker_fee=Decimal("0.00055"),
            is_unchanged_refused=True,
            order_id_style="uuid",
        ),
        ExchangeRules(
            name="blofin",
            margin_mode_scope=MarginModeScope.ORDER,
            default_margin_mode=MarginMode.CROSS,
            client_id_pattern=re.compile(r"[A-Za-z0-9_]{1,32}"),
            keeps_modes_apart=True,
            leverage_by_mode=True,
            default_leverage=Decimal(3),
        ),
        ExchangeRules(
            name="kucoin",
            margin_mode_scope=MarginModeScope.SYMBOL,
            default_margin_mode=MarginMode.ISOLATED,
            client_id_pattern=re.compile(r"[A-Za-z0-9_-]{1,40}"),
            must_order_mode_match=True,
            leverage_by_mode=True,
            is_leverage_in_isolated_order=True,
        ),
        ExchangeRules(
            name="mexc",
            margin_mode_scope=MarginModeScope.ORDER,
            default_margin_mode=MarginMode.CROSS,
            client_id_pattern=re.compile(r"[A-Za-z0-9_-]{1,32}"),
            leverage_by_mode=True,
            leverage_by_leg=True,
            is_leverage_in_isolated_order=True,
            default_hedged=True,
            default_leverage=Decimal(20),
            oversize_reduce=OversizeReduce.REFUSE,
            duplicate_id=DuplicateId.RETURN_EXISTING,
            taker_fee=Decimal("0.0004"),
            maker_fee=Decimal("0.0001"),
        ),
    )
}
"""By exchange name."""

EXCHANGE_NAMES = tuple(RULES)
