"""How KuCoin Futures knows who asks: headers, clock, key, address, passphrase, signature, in the exchange's order.

Scheme of key version 2: `KC-API-SIGN = base64(HMAC-SHA256(secret, timestamp + METHOD + path and query + body))` and
`KC-API-PASSPHRASE = base64(HMAC-SHA256(secret, passphrase))`; version 1 sends the passphrase as it is. The path is
signed as sent. Sources, which agree: ccxt 4.5.90 `kucoin.sign`, kucoin-universal-sdk 1.3.2, the futures documentation.
"""

import base64
import hashlib
import hmac

CLOCK_TOLERANCE_MS = 5_000
"""The exchange refuses a timestamp more than five seconds away from its own."""

SIGNED_HEADERS = ("KC-API-KEY", "KC-API-SIGN", "KC-API-TIMESTAMP", "KC-API-PASSPHRASE")


def sign(secret: str, timestamp: str, method: str, target: str, body: bytes) -> str:
    """The signature that a request must carry.

    Args:
        secret: The key's secret.
        timestamp: Milliseconds as sent in the header.
        method: Upper case.
        target: Path and query exactly as sent.
        body: Empty for GET and DELETE.
    """
    return _mac(secret, f"{timestamp}{method}{target}".encode() + body)


def disguise(secret: str, passphrase: str, key_version: str) -> str:
    """The passphrase as the header carries it: plain for key version 1, else a MAC under the secret."""
    return passphrase if key_version == "1" else _mac(secret, passphrase.encode())


def _mac(secret: str, message: bytes) -> str:
    return base64.b64encode(hmac.new(secret.encode(), message, hashlib.sha256).digest()).decode()
