"""Any other exchange that ccxt knows, where its capability flags suffice: what is missing is named."""

from functools import cache

import ccxt.async_support as ccxt

from account_processors.dialect import Dialect, Profile
from account_processors.generic_replies import addresses_at, error_envelope
from account_processors.generic_traits import ALIASES, TRAITS, Traits
from account_processors.limiter import Budget
from account_processors.unified import Unified
from core.model.failures import InvalidInput

NEEDED = ("createOrder", "fetchOrder", "fetchPositions", "fetchBalance", "setLeverage", "setMarginMode")


@cache
def dialect_for(exchange: str) -> type[Dialect]:
    """The dialect of an exchange by its ccxt name.

    Raises:
        InvalidInput: If ccxt does not know it, or it lacks something that is needed; all of that is named.
    """
    ccxt_id = ALIASES.get(exchange, exchange)
    if ccxt_id not in ccxt.exchanges:
        raise InvalidInput(f"{exchange}: no such exchange in ccxt {ccxt.__version__}, nor in an installed package")
    sample = getattr(ccxt, ccxt_id)()
    missing = [name for name in NEEDED if not sample.has.get(name)]
    if not (sample.has.get("fetchTickers") or sample.has.get("fetchTicker")):
        missing.append("fetchTicker")
    if missing:
        raise InvalidInput(f"{exchange}: ccxt {ccxt.__version__} offers no {', '.join(missing)} there")
    traits = TRAITS.get(ccxt_id, Traits())
    budget = traits.budget or Budget("calls", max(2, int(1000 / (sample.rateLimit or 100))), 1.0)
    profile = Profile(
        name=exchange,
        ccxt_id=ccxt_id,
        receive_window_seconds=traits.receive_window_seconds,
        leverage_in_order=False,
        margin_mode_in_order=traits.margin_mode_in_order,
        needs_passphrase=bool(sample.requiredCredentials.get("password")),
        codes=traits.codes,
        budgets=(budget, traits.write_budget) if traits.write_budget else (budget,),
        ban_codes=traits.ban_codes,
        options={"defaultType": "swap", **traits.options},
        key_names=traits.key_names,
        is_witnessed=True,
    )
    members = {
        "profile": profile,
        "traits": traits,
        "envelope": staticmethod(lambda body: error_envelope(body, traits.error_of)),
        "urls": staticmethod(lambda base: addresses_at(sample.urls["api"], base)),
    }
    return type(f"Unified{ccxt_id.capitalize()}", (Unified,), members)
