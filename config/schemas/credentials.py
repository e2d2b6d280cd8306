"""credentials.json: one section per documented exchange, further accounts in a list, secrets as text or encrypted."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Any, Self, TypeVar

from pydantic import BeforeValidator, Field, SecretStr, TypeAdapter, field_validator, model_validator

from config.schemas.fields import Exact, StrictModel, Whole
from config.schemas.reading import first_repeated
from core.model.failures import InvalidInput
from core.model.identity import AccountId
from core.model.policy import OnForeignChange, OnLeverageRefused

DOCUMENTED_EXCHANGES = ("bybit", "blofin", "kucoin", "mexc")
WITH_PASSPHRASE = frozenset({"blofin", "kucoin"})
PAPER_BALANCE_USDT = Decimal(10_000)

Choice = TypeVar("Choice", bound=StrEnum)


class AccountMode(StrEnum):
    """What an account's orders reach.

    PAPER: our own exchanges, no key, no money. LIVE: the exchange. SANDBOX: a server named by `urls`, such as an
    exchange's testnet, through the adapter of live.
    """

    PAPER = "paper"
    LIVE = "live"
    SANDBOX = "sandbox"


class AccountValue(StrEnum):
    """What sizes are computed from: wallet plus open profit, or the wallet alone."""

    EQUITY = "equity"
    MARGIN = "margin"


def _one_of(kind: type[Choice]) -> BeforeValidator:
    def read(value: Any) -> Choice:  # noqa: ANN401 - whatever the file holds
        if value not in list(kind):
            raise ValueError(f"must be one of {', '.join(kind)}")
        return kind(value)

    return BeforeValidator(read)


class ExchangeSection(StrictModel):
    """One account: its keys and how it wants to be kept."""

    api_key: SecretStr = Field(SecretStr(""), description="empty: not configured")
    api_secret: SecretStr = Field(SecretStr(""), description="given together with the key")
    api_passphrase: SecretStr = Field(SecretStr(""), description="where the exchange has one")
    mode: Annotated[AccountMode, _one_of(AccountMode)] = Field(AccountMode.LIVE, description="paper, live or sandbox")
    enabled: bool = Field(default=True, description="false: positions that are ours are closed, then no call is made")
    urls: dict[str, str] = Field(default_factory=dict, description="sandbox only: ccxt's `urls.api`")
    balance_usdt: Exact = Field(PAPER_BALANCE_USDT, gt=0, le=1_000_000_000_000, description="paper only: at the start")
    leverage_override: Whole | None = Field(None, ge=1, le=20, description="the account's own cap; null or 0: none")
    min_order_notional_usd: Exact | None = Field(
        None, gt=0, le=1_000_000_000, description="smaller orders are not sent"
    )
    max_concurrent_symbols: int = Field(10, ge=1, le=1000, description="symbols worked on at once")
    account_value: Annotated[AccountValue, _one_of(AccountValue)] = Field(
        AccountValue.EQUITY, description="sizes come from wallet and open profit, or from the wallet alone"
    )
    on_foreign_change: Annotated[OnForeignChange, _one_of(OnForeignChange)] = Field(
        OnForeignChange.REDUCE_ONLY, description="when somebody else made a position of ours smaller"
    )
    on_leverage_refused: Annotated[OnLeverageRefused, _one_of(OnLeverageRefused)] = Field(
        OnLeverageRefused.HOLD, description="when another leverage is refused while a position is open"
    )
    adopt_on_first_start: bool = Field(default=False, description="take over positions that no fill explains")

    @model_validator(mode="before")
    @classmethod
    def _read_original(cls, value: Any) -> Any:  # noqa: ANN401 - whatever the file holds
        """The original writes a leverage of 0 for none, and a flag for copy trading."""
        if not isinstance(value, dict):
            return value
        given = dict(value)
        if given.get("leverage_override") == 0 and given["leverage_override"] is not False:
            given["leverage_override"] = None
        if given.pop("copy_trading", False) is not False:
            raise ValueError("copy trading accounts are not supported; give an ordinary account's key")
        return given

    @field_validator("api_key", "api_secret", "api_passphrase")
    @classmethod
    def _check_secret(cls, secret: SecretStr) -> SecretStr:
        text = secret.get_secret_value()
        if text != text.strip() or any(not character.isprintable() for character in text):
            raise ValueError("has a space at an end or a character that cannot be printed")
        return secret

    @model_validator(mode="after")
    def _check_mode(self) -> Self:
        has_keys = bool(self.api_key.get_secret_value())
        if has_keys != bool(self.api_secret.get_secret_value()):
            raise ValueError("api_key and api_secret must be given together")
        if self.mode is AccountMode.PAPER and (has_keys or self.urls):
            raise ValueError("a paper account holds no keys and no urls; set mode to live or sandbox, or remove them")
        if self.mode is AccountMode.LIVE and self.urls:
            raise ValueError("a live account has no urls of its own; set mode to sandbox")
        if self.mode is AccountMode.SANDBOX and not self.urls:
            raise ValueError("a sandbox account names its server in urls")
        return self

    @property
    def is_configured(self) -> bool:
        """Whether there is an account at all: a paper one, or one with keys."""
        return self.mode is AccountMode.PAPER or bool(self.api_key.get_secret_value())


class FurtherAccount(ExchangeSection):
    """Another account: of any exchange that ccxt knows, or a second one of the same."""

    exchange: str = Field(description="as ccxt names it, such as okx or bybit")
    label: str = Field("", description="tells accounts of one exchange apart: bybit::label")

    @model_validator(mode="after")
    def _check_name(self) -> Self:
        try:
            AccountId(self.exchange, self.label)
        except InvalidInput as error:
            raise ValueError(str(error)) from None
        return self

    @property
    def account(self) -> AccountId:
        """Its key."""
        return AccountId(self.exchange, self.label)


class BittensorSection(StrictModel):
    """Access to the SN8 signals."""

    api_key: SecretStr = Field(SecretStr(""), description="empty: not configured")
    endpoint: str = Field("", pattern=r"^(https?://\S+)?$", description="http or https address")


def _none_as_empty(value: Any) -> Any:  # noqa: ANN401 - whatever the file holds
    return {} if value is None else value


Section = Annotated[ExchangeSection, BeforeValidator(_none_as_empty)]


class CredentialsDocument(StrictModel):
    """The whole file, secrets in the clear; it never leaves the process and its repr shows none."""

    bittensor_sn8: Annotated[BittensorSection, BeforeValidator(_none_as_empty)] = Field(
        default_factory=BittensorSection
    )
    bybit: Section = Field(default_factory=ExchangeSection)
    blofin: Section = Field(default_factory=ExchangeSection)
    kucoin: Section = Field(default_factory=ExchangeSection)
    mexc: Section = Field(default_factory=ExchangeSection)
    accounts: list[FurtherAccount] = Field(default_factory=list)

    @model_validator(mode="before")
    @classmethod
    def _read_original(cls, value: Any) -> Any:  # noqa: ANN401 - whatever the file holds
        return _with_original_accounts(value) if isinstance(value, dict) else value

    @model_validator(mode="after")
    def _check_accounts(self) -> Self:
        configured = list(self.configured())
        repeated = first_repeated([str(account) for account, _section in configured])
        if repeated:
            raise ValueError(f"the account {repeated} is given twice; give one of them another label")
        for account, section in configured:
            if account.exchange in WITH_PASSPHRASE and section.mode is AccountMode.LIVE:
                _require_passphrase(account, section)
        keys = [(account.exchange, section.api_key.get_secret_value()) for account, section in configured]
        if first_repeated([f"{exchange} {key}" for exchange, key in keys if key]):
            raise ValueError("two accounts of one exchange have the same api_key: every order would be doubled")
        return self

    def configured(self) -> Iterator[tuple[AccountId, ExchangeSection]]:
        """Every account that there is, in file order."""
        for exchange, section in self.sections().items():
            if section.is_configured:
                yield AccountId(exchange), section
        for further in self.accounts:
            if further.is_configured:
                yield further.account, further

    def sections(self) -> Mapping[str, ExchangeSection]:
        """The documented exchanges' sections by name, in the documented order."""
        return MappingProxyType({name: getattr(self, name) for name in DOCUMENTED_EXCHANGES})


def _require_passphrase(account: AccountId, section: ExchangeSection) -> None:
    if not section.api_passphrase.get_secret_value():
        raise ValueError(f"{account} needs an api_passphrase beside its key and secret")


def _with_original_accounts(value: dict[str, Any]) -> dict[str, Any]:
    """The original's further exchanges (`bingx`, `ccxt`) as entries of our list; empty ones are dropped.

    What is not shaped as the original shapes it is left where it is, and refused there by name.
    """
    given = dict(value)
    found: list[object] = []
    if _is_section(given.get("bingx")):
        bingx = given.pop("bingx", None) or {}
        found += [{"exchange": "bingx", **bingx}] if bingx.get("api_key") else []
    if _is_section(given.get("ccxt")):
        listed = given.pop("ccxt", None) or {}
        entries = listed.get("ccxt_list", [listed] if listed.get("exchange_name") else [])
        found += [_renamed(entry, given) for entry in entries or ()] if isinstance(entries, list | None) else [entries]
    if found and isinstance(given.get("accounts", []), list):
        given["accounts"] = [*given.get("accounts", []), *found]
    return given


def _is_section(value: object) -> bool:
    return value is None or isinstance(value, dict)


def _renamed(entry: object, given: Mapping[str, Any]) -> object:
    """An entry under our names, with a label where the documented section of its exchange has keys as well."""
    if not isinstance(entry, dict):
        return entry
    exchange = entry.get("exchange_name", "")
    section = given.get(exchange) if exchange in DOCUMENTED_EXCHANGES else None
    label = {"label": "ccxt"} if isinstance(section, dict) and section.get("api_key") else {}
    return {"exchange": exchange, **label, **{key: item for key, item in entry.items() if key != "exchange_name"}}


CREDENTIALS = TypeAdapter(CredentialsDocument)
