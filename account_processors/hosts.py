"""Which hosts belong to real exchanges, so that paper and sandbox never reach them and live reaches nothing else."""

from collections.abc import Iterator, Mapping
from functools import cache
from urllib.parse import urlsplit

import ccxt.async_support as ccxt

from config.accounts import AccountMode
from core.model.failures import InvalidInput

DOCUMENTED = ("bybit", "blofin", "kucoinfutures", "mexc")


def check_hosts(mode: AccountMode, account: str, ccxt_id: str, urls: Mapping[str, object] | None) -> None:
    """Refuse addresses that do not fit an account's mode.

    Raises:
        InvalidInput: If a live account names addresses, or another one names none or a live host.
    """
    if mode is AccountMode.LIVE:
        if urls:
            raise InvalidInput(f"{account}: a live account takes no urls; use mode sandbox for another server")
        return
    if not urls:
        raise InvalidInput(f"{account}: mode {mode} needs urls; without them the live exchange would be reached")
    live = live_hosts(ccxt_id).union(*(live_hosts(known) for known in DOCUMENTED))
    for url in _texts(urls):
        host = urlsplit(url).hostname
        if host is None:
            raise InvalidInput(f"{account}: {url!r} is not an address such as http://127.0.0.1:8080")
        if "{" in url or host in live:
            raise InvalidInput(f"{account}: mode {mode} must not reach the live host {host}")


@cache
def live_hosts(ccxt_id: str) -> frozenset[str]:
    """Every host of ccxt's own table of addresses for an exchange."""
    exchange = getattr(ccxt, ccxt_id)()
    texts = (exchange.implode_hostname(url) for url in _texts(exchange.urls["api"]))
    return frozenset(host for host in (urlsplit(text).hostname for text in texts) if host)


def nested(urls: Mapping[str, str]) -> dict[str, object]:
    """Addresses as the operator writes them ("contract.public": ...), in ccxt's nested form."""
    table: dict[str, object] = {}
    for name, url in urls.items():
        *sections, last = name.split(".")
        place = table
        for section in sections:
            inner = place.setdefault(section, {})
            if not isinstance(inner, dict):
                raise InvalidInput(f"urls: {name} stands beside {section} itself")
            place = inner
        place[last] = url
    return table


def _texts(urls: object) -> Iterator[str]:
    if isinstance(urls, str):
        yield urls
    elif isinstance(urls, Mapping):
        for inner in urls.values():
            yield from _texts(inner)
