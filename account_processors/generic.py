"""Any other exchange that ccxt knows, through ccxt's unified methods, where its capability flags suffice."""

from functools import cache
from typing import TYPE_CHECKING

import ccxt.async_support as ccxt

from core.model.failures import InvalidInput

if TYPE_CHECKING:
    from account_processors.dialect import Dialect


@cache
def dialect_for(ccxt_id: str) -> "type[Dialect]":
    """Placeholder."""
    if not hasattr(ccxt, ccxt_id):
        raise InvalidInput(f"{ccxt_id}: no such exchange in ccxt {ccxt.__version__}, nor in an installed package")
    raise InvalidInput(f"{ccxt_id}: not supported yet")
