"""What carries requests to an exchange: one pool of connections per account, no redirects, certificates checked."""

import ssl
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

import aiohttp
import certifi

CONNECTIONS = 32
KEEP_ALIVE_SECONDS = 30.0


class DirectSession:
    """The part of aiohttp.ClientSession that ccxt uses, without redirects: a signed request goes nowhere else."""

    headers: Mapping[str, str] = MappingProxyType({})

    def __init__(self) -> None:
        connector = aiohttp.TCPConnector(
            ssl=_certificates(), limit=CONNECTIONS, keepalive_timeout=KEEP_ALIVE_SECONDS, ttl_dns_cache=60
        )
        self._session = aiohttp.ClientSession(connector=connector)

    def get(self, url: Any, **options: Any) -> Any:  # noqa: ANN401 - handed through to aiohttp
        """One GET."""
        return self._session.get(url, allow_redirects=False, **options)

    def post(self, url: Any, **options: Any) -> Any:  # noqa: ANN401 - as aiohttp has it
        """One POST."""
        return self._session.post(url, allow_redirects=False, **options)

    def put(self, url: Any, **options: Any) -> Any:  # noqa: ANN401 - as aiohttp has it
        """One PUT."""
        return self._session.put(url, allow_redirects=False, **options)

    def delete(self, url: Any, **options: Any) -> Any:  # noqa: ANN401 - as aiohttp has it
        """One DELETE."""
        return self._session.delete(url, allow_redirects=False, **options)

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()


@cache
def _certificates() -> ssl.SSLContext:
    """Loaded once for all accounts; it takes tens of milliseconds."""
    return ssl.create_default_context(cafile=certifi.where())
