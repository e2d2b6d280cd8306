"""The accounts that the operator configured, ready for the engine."""

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from urllib.parse import urlsplit

from config.consents import Consent, fingerprint, read_consents
from config.credentials_file import read_credentials, read_outline
from config.home import Home
from config.key_providers.provider import Surroundings
from config.schemas.credentials import (
    DOCUMENTED_EXCHANGES,
    PAPER_BALANCE_USDT,
    AccountMode,
    AccountValue,
    ExchangeSection,
)
from core.model.failures import InvalidConfig
from core.model.identity import AccountId
from core.model.money import ZERO
from core.model.policy import DEFAULT_CONCURRENT_SYMBOLS, AccountPolicy, OnForeignChange, OnLeverageRefused

__all__ = [
    "AccountMode",
    "AccountSettings",
    "AccountValue",
    "OnLeverageRefused",
    "describe_accounts",
    "load_accounts",
    "outline_accounts",
]


@dataclass(frozen=True, slots=True)
class AccountSettings:
    """One account as the operator wants it kept; its repr shows no secret.

    Attributes:
        account: Its key.
        mode: What its orders reach.
        enabled: A disabled account closes what is ours, then costs no call.
        api_key: Empty for paper.
        secret: Empty for paper.
        passphrase: Empty where the exchange has none.
        urls: Sandbox only: ccxt's `urls['api']`.
        paper_balance_usdt: Paper only: USDT at the start.
        leverage_override: The account's own cap on leverage, 1..20, None for the weight file's alone.
        min_order_notional_usd: Smaller increases are not sent, None for the exchange's own minimum.
        max_concurrent_symbols: How many symbols are worked on at once.
        account_value: What sizes are computed from.
        on_foreign_change: What to do when somebody else made our position smaller.
        on_leverage_refused: What to do when another leverage is refused while a position is open.
        adopt_on_first_start: Whether positions that no fill explains are taken over.
        is_armed: Whether orders may be sent: always on paper and on a sandbox of this machine, elsewhere after the
            operator consented to this very key.
    """

    account: AccountId
    mode: AccountMode
    enabled: bool = True
    api_key: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)
    passphrase: str = field(default="", repr=False)
    urls: Mapping[str, str] = field(default_factory=dict)
    paper_balance_usdt: Decimal = PAPER_BALANCE_USDT
    leverage_override: Decimal | None = None
    min_order_notional_usd: Decimal | None = None
    max_concurrent_symbols: int = DEFAULT_CONCURRENT_SYMBOLS
    account_value: AccountValue = AccountValue.EQUITY
    on_foreign_change: OnForeignChange = OnForeignChange.REDUCE_ONLY
    on_leverage_refused: OnLeverageRefused = OnLeverageRefused.HOLD
    adopt_on_first_start: bool = False
    is_armed: bool = False

    @property
    def policy(self) -> AccountPolicy:
        """What core needs to know of it."""
        return AccountPolicy(
            account=self.account,
            is_enabled=self.enabled,
            leverage_cap=self.leverage_override,
            max_concurrent_symbols=self.max_concurrent_symbols,
            on_foreign_change=self.on_foreign_change,
            adopt_on_first_start=self.adopt_on_first_start,
            on_leverage_refused=self.on_leverage_refused,
            min_order_notional=self.min_order_notional_usd or ZERO,
            is_live=self.mode is AccountMode.LIVE,
            is_armed=self.is_armed,
        )

    @property
    def key_fingerprint(self) -> str:
        """Tells this key from another one of the same account."""
        return fingerprint(self.account, self.mode, self.api_key)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every text that no log may show."""
        return tuple(text for text in (self.api_key, self.secret, self.passphrase) if text)


def load_accounts(home: Home, around: Surroundings | None = None) -> tuple[AccountSettings, ...]:
    """Every configured account in file order; four paper accounts where no key was ever given.

    Args:
        home: Whose.
        around: Where the key of the encrypted secrets is looked for; this process's by default.

    Raises:
        core.model.failures.InvalidConfig: Naming path, field and remedy, never a secret.
    """
    found = [_settings(account, section) for account, section in read_credentials(home, around).configured()]
    consents = read_consents(home.consents)
    return tuple(_armed(one, consents.get(one.account), is_opened=True) for one in found) or _paper_accounts()


def describe_accounts(home: Home) -> tuple[AccountSettings, ...]:
    """The accounts for people to look at: as load_accounts, but nobody is asked for a passphrase.

    Where the key is not at hand, secrets are empty, and `is_armed` says whether any key was consented to.

    Raises:
        core.model.failures.InvalidConfig: If a file is invalid.
    """
    try:
        return load_accounts(home, Surroundings(home, os.environ, None))
    except InvalidConfig:
        found = [
            replace(_settings(account, section), api_key="", secret="", passphrase="")
            for account, section in _outline(home)
        ]
    consents = read_consents(home.consents)
    return tuple(_armed(one, consents.get(one.account), is_opened=False) for one in found) or _paper_accounts()


def outline_accounts(home: Home) -> dict[AccountId, AccountMode]:
    """Every account and what its orders reach, as load_accounts has them, without opening a secret.

    Raises:
        core.model.failures.InvalidConfig: As load_accounts, except that no key is needed.
    """
    found = {account: section.mode for account, section in _outline(home)}
    return found or {settings.account: settings.mode for settings in _paper_accounts()}


def unconfigured_exchanges(home: Home) -> tuple[str, ...]:
    """The documented exchanges that have no account while others have one, to be told once.

    Raises:
        core.model.failures.InvalidConfig: As load_accounts.
    """
    named = {account.exchange for account in outline_accounts(home)}
    return tuple(exchange for exchange in DOCUMENTED_EXCHANGES if exchange not in named)


def _settings(account: AccountId, section: ExchangeSection) -> AccountSettings:
    return AccountSettings(
        account=account,
        mode=section.mode,
        enabled=section.enabled,
        api_key=section.api_key.get_secret_value(),
        secret=section.api_secret.get_secret_value(),
        passphrase=section.api_passphrase.get_secret_value(),
        urls=dict(section.urls),
        paper_balance_usdt=section.balance_usdt,
        leverage_override=section.leverage_override,
        min_order_notional_usd=section.min_order_notional_usd,
        max_concurrent_symbols=section.max_concurrent_symbols,
        account_value=section.account_value,
        on_foreign_change=section.on_foreign_change,
        on_leverage_refused=section.on_leverage_refused,
        adopt_on_first_start=section.adopt_on_first_start,
    )


def _outline(home: Home) -> list[tuple[AccountId, ExchangeSection]]:
    return list(read_outline(home).configured())


def _paper_accounts() -> tuple[AccountSettings, ...]:
    """What trades where no key was ever given."""
    return tuple(AccountSettings(AccountId(name), AccountMode.PAPER, is_armed=True) for name in DOCUMENTED_EXCHANGES)


def _armed(settings: AccountSettings, consent: Consent | None, *, is_opened: bool) -> AccountSettings:
    needs_no_consent = settings.mode is AccountMode.PAPER or (
        settings.mode is AccountMode.SANDBOX and all(_is_this_machine(url) for url in settings.urls.values())
    )
    is_consented = consent is not None and (not is_opened or consent.key_fingerprint == settings.key_fingerprint)
    return replace(settings, is_armed=needs_no_consent or is_consented)


def _is_this_machine(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
