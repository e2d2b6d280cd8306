"""How MEXC contracts know who asks.

`Signature = hex(HMAC-SHA256(secret, ApiKey + Request-Time + P))`, where P is the JSON body of a POST and the query of a
GET or DELETE, sorted by name. A clock more than ten seconds away is code 513, unless `Recv-Window` (seconds, at most
60) says otherwise. Spot v3 calls, which ccxt makes while it loads markets, sign the query itself and carry `signature`
last. Sources: ccxt 4.5.90 `mexc.sign`, Mexc.Net, the contract documentation; pymexc 1.3.0 signs `name=value` pairs,
which is the same for the queries of its reads.
"""

import hashlib
import hmac

CLOCK_TOLERANCE_MS = 10_000


def sign(secret: str, api_key: str, timestamp: str, parameters: bytes) -> str:
    """The signature that a contract request must carry.

    Args:
        secret: The key's secret.
        api_key: As sent in the `ApiKey` header.
        timestamp: Milliseconds as sent in `Request-Time`.
        parameters: The body of a POST, the sorted query of anything else.
    """
    return hmac.new(secret.encode(), f"{api_key}{timestamp}".encode() + parameters, hashlib.sha256).hexdigest()


def sort_query(query: str) -> str:
    """The query with its parameters sorted by name, values as they were encoded."""
    return "&".join(sorted(query.split("&"), key=lambda pair: pair.partition("=")[0])) if query else ""


def sign_spot(secret: str, query: str) -> str:
    """The signature of a spot v3 query, without its own `signature` parameter."""
    return hmac.new(secret.encode(), query.encode(), hashlib.sha256).hexdigest()
