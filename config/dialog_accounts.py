"""The questions about keys: SN8, the documented exchanges, further accounts. No secret is echoed or shown whole."""

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from pydantic import SecretStr

from config.dialog import MASK, Console, choice, current_value_note, mask, prompt_line
from config.schemas.credentials import (
    CREDENTIALS,
    DOCUMENTED_EXCHANGES,
    WITH_PASSPHRASE,
    AccountMode,
    BittensorSection,
    CredentialsDocument,
    ExchangeSection,
    FurtherAccount,
)
from config.schemas.reading import check_model
from config.secret_store import is_sealed
from core.model.failures import InvalidConfig, InvalidInput
from core.model.identity import AccountId

EXCHANGE_NAMES = {"bybit": "Bybit", "blofin": "BloFin", "kucoin": "KuCoin", "mexc": "MEXC"}
NOT_TEXT = "\N{REPLACEMENT CHARACTER}"
"""What bytes that are no text were read as."""


def ask_documented(console: Console, document: CredentialsDocument, path: Path) -> CredentialsDocument:
    """SN8, then Bybit, BloFin, KuCoin and MEXC, in the words of the README; Enter keeps or passes over."""
    document = document.model_copy(update={"bittensor_sn8": ask_bittensor(console, document.bittensor_sn8)})
    for exchange in DOCUMENTED_EXCHANGES:
        document = _until_valid(console, partial(_ask_documented, console, exchange, path), document)
    return document


def ask_further(console: Console, document: CredentialsDocument, path: Path) -> CredentialsDocument:
    """Accounts beyond the documented ones: further exchanges, or several on one exchange; paper or live."""
    prompt = "Add or change an account (such as okx or bybit::second), or press Enter to finish: "
    while account := console.ask(prompt, _read_account):
        document = _until_valid(console, partial(_ask_account, console, account, path), document)
    return document


def ask_bittensor(console: Console, section: BittensorSection) -> BittensorSection:
    """The key and the address of the SN8 signals; without a key there is no address to ask for."""
    key = _ask_secret(console, "Enter your API key for Bittensor SN8", section.api_key, is_needed=False)
    if not key.get_secret_value():
        return section
    prompt = prompt_line("Enter the Bittensor endpoint URL", current_value_note(section.endpoint or None))
    endpoint = console.ask(prompt, lambda answer: _read_endpoint(answer or section.endpoint))
    return BittensorSection(api_key=key, endpoint=endpoint)


def ask_keys(console: Console, name: str, section: ExchangeSection, *, passphrase: bool | None) -> ExchangeSection:
    """Key, secret and passphrase of one account; without a key nothing else is asked.

    Args:
        console: Where to ask.
        name: The account as the questions call it.
        section: What is known of it.
        passphrase: Whether the exchange has one; None where nobody knows, and Enter says no.
    """
    key = _ask_secret(console, f"Enter your {name} API key", section.api_key, is_needed=False)
    if not key.get_secret_value():
        return section
    secret = _ask_secret(console, f"Enter your {name} API secret", section.api_secret)
    phrase = section.api_passphrase
    if passphrase is not False:
        note = "" if passphrase else " if it has one"
        phrase = _ask_secret(console, f"Enter your {name} API passphrase{note}", phrase, is_needed=bool(passphrase))
    mode = AccountMode.LIVE if section.mode is AccountMode.PAPER else section.mode
    return section.model_copy(update={"api_key": key, "api_secret": secret, "api_passphrase": phrase, "mode": mode})


def with_account(document: CredentialsDocument, account: AccountId, section: ExchangeSection) -> CredentialsDocument:
    """The document with one account added or replaced, in its place; `check_document` says whether that may be."""
    if not account.label and account.exchange in DOCUMENTED_EXCHANGES:
        return document.model_copy(update={account.exchange: section})
    fields = {**section.model_dump(warnings=False), "exchange": account.exchange, "label": account.label}
    named = {further.account: further for further in document.accounts}
    named[account] = FurtherAccount.model_construct(**fields)
    return document.model_copy(update={"accounts": list(named.values())})


def check_document(document: CredentialsDocument, path: Path) -> CredentialsDocument:
    """The document, when it keeps every rule of the file.

    Raises:
        InvalidConfig: If it breaks one, such as two accounts with one key.
    """
    return check_model(CREDENTIALS, document.model_dump(warnings=False), path, hide_values=True)


def find_account(document: CredentialsDocument, account: AccountId) -> ExchangeSection:
    """What is known of an account; an empty section where there is none."""
    if not account.label and account.exchange in DOCUMENTED_EXCHANGES:
        return document.sections()[account.exchange]
    return next((further for further in document.accounts if further.account == account), ExchangeSection())


def read_secret(text: str) -> SecretStr:
    """A key, secret or passphrase as it was typed or pasted.

    Raises:
        InvalidInput: If it cannot be one; it is not shown.
    """
    if NOT_TEXT in text or not text.isprintable():
        raise InvalidInput("It has characters that cannot be printed; copy it again.")
    if is_sealed(text):
        raise InvalidInput("It is an encrypted text of credentials.json; give the key itself.")
    return SecretStr(text)


def is_known_to_ccxt(exchange: str) -> bool:
    """Whether ccxt has an exchange of that name; ccxt itself is not loaded for it."""
    found = find_spec("ccxt")
    return bool(found and found.origin and (Path(found.origin).parent / f"{exchange}.py").exists())


def _until_valid(
    console: Console, ask: Callable[[CredentialsDocument], CredentialsDocument], document: CredentialsDocument
) -> CredentialsDocument:
    while True:
        try:
            return ask(document)
        except InvalidConfig as error:
            console.say(f"{error.problem}. Please enter it again.")


def _ask_documented(console: Console, exchange: str, path: Path, document: CredentialsDocument) -> CredentialsDocument:
    section = document.sections()[exchange]
    asked = ask_keys(console, EXCHANGE_NAMES[exchange], section, passphrase=exchange in WITH_PASSPHRASE)
    return check_document(with_account(document, AccountId(exchange), asked), path)


def _ask_account(
    console: Console, account: AccountId, path: Path, document: CredentialsDocument
) -> CredentialsDocument:
    section = find_account(document, account)
    if console.ask("Live or paper (l/p)? ", lambda answer: _read_mode(answer, section, account)) is AccountMode.PAPER:
        cleared = {name: SecretStr("") for name in ("api_key", "api_secret", "api_passphrase")}
        paper = section.model_copy(update={**cleared, "mode": AccountMode.PAPER, "urls": {}})
        return check_document(with_account(document, account, paper), path)
    passphrase = account.exchange in WITH_PASSPHRASE if account.exchange in DOCUMENTED_EXCHANGES else None
    asked = ask_keys(console, str(account), section, passphrase=passphrase)
    if not asked.is_configured:
        console.say(f"{account} is left out: a live account has a key.")
        return document
    return check_document(with_account(document, account, asked), path)


def _read_mode(answer: str, section: ExchangeSection, account: AccountId) -> AccountMode:
    if not answer and section.is_configured:
        return section.mode
    mode = AccountMode.PAPER if choice("lp")(answer) == "p" else AccountMode.LIVE
    if mode is AccountMode.PAPER and account.exchange not in DOCUMENTED_EXCHANGES:
        raise InvalidInput(f"There are paper accounts of {', '.join(DOCUMENTED_EXCHANGES)}.")
    return mode


def _read_account(answer: str) -> AccountId | None:
    if not answer:
        return None
    account = AccountId.parse(answer.lower())
    if not is_known_to_ccxt(account.exchange):
        raise InvalidInput(f"{account.exchange} is no exchange that ccxt knows.")
    return account


def _read_endpoint(answer: str) -> str:
    scheme, separator, rest = answer.partition("://")
    is_clean = answer.isprintable() and not any(map(str.isspace, answer))
    if scheme.lower() not in ("http", "https") or not separator or not rest or not is_clean:
        raise InvalidInput("The endpoint is an address that begins with https:// or http://.")
    return f"{scheme.lower()}://{rest}"


def _ask_secret(console: Console, question: str, current: SecretStr, *, is_needed: bool = True) -> SecretStr:
    known = current.get_secret_value()
    shown = None if not known else mask(known) if question.endswith(("API key", "SN8")) else MASK

    def parse(answer: str) -> SecretStr:
        if answer:
            return read_secret(answer)
        if is_needed and not known:
            raise InvalidInput("It is needed beside the key.")
        return current

    return console.ask_secret(prompt_line(question, current_value_note(shown)), parse)
