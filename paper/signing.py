"""What the dialects share in telling whose request it is: keys, rights and HMAC-SHA256."""

import hashlib
import hmac

from paper.account import Account
from paper.exchange import PaperExchange
from paper.refusals import Reason, Refused
from paper.wire import Request


def find_account(exchange: PaperExchange, request: Request, api_key: str) -> Account:
    """The account of a key that may be used now, from this address, for this kind of request.

    Raises:
        Refused: Unknown, revoked or expired key, address not on its list, or a write with a key that may only read.
    """
    account = exchange.account_by_key(api_key)
    if account is None:
        raise Refused(Reason.BAD_KEY, "the API key is not known")
    rights = account.permissions
    if rights.expires_ms is not None and rights.expires_ms <= exchange.now_ms():
        raise Refused(Reason.EXPIRED_KEY, "the API key has expired")
    if rights.allowed_addresses and request.peer not in rights.allowed_addresses:
        raise Refused(Reason.ADDRESS_NOT_ALLOWED, f"{request.peer} is not on the key's list")
    if request.method != "GET" and not rights.can_trade:
        raise Refused(Reason.NO_PERMISSION, "the API key may only read")
    return account


def hmac_sha256(secret: str, text: str) -> bytes:
    """The raw digest."""
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()


def check_signature(given: str, expected: str) -> None:
    """Compare in constant time.

    Raises:
        Refused: If they differ.
    """
    if not hmac.compare_digest(given.encode(), expected.encode()):
        raise Refused(Reason.BAD_SIGNATURE, "the signature does not fit the request")


def read_timestamp(text: str) -> int:
    """A timestamp header in milliseconds.

    Raises:
        Refused: If it is not a whole number.
    """
    if not text.isdecimal():
        raise Refused(Reason.BAD_TIMESTAMP, "the timestamp is not a number")
    return int(text)
