"""`--set ACCOUNT.FIELD=VALUE` for credentials.json."""

import os
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel

from config.credentials_layout import BITTENSOR, SECRET_FIELDS
from config.dialog import Console
from config.dialog_accounts import check_document, find_account, is_known_to_ccxt, read_secret, with_account
from config.dialog_options import split_setting
from config.overrides import parse_value
from config.schemas.credentials import BittensorSection, CredentialsDocument, ExchangeSection
from core.model.failures import InvalidConfig, InvalidInput
from core.model.identity import AccountId

FORM = "write ACCOUNT.FIELD=VALUE, such as bybit.api_key=@key.txt or okx::second.enabled=false"


def apply_settings(
    document: CredentialsDocument, settings: Sequence[str], path: Path, console: Console
) -> CredentialsDocument:
    """The document with all settings applied, which together keep every rule of the file.

    Args:
        document: What there is.
        settings: `ACCOUNT.FIELD=VALUE` each; a secret is `@FILE`, `env:NAME` or itself; `ACCOUNT=` removes.
        path: The file, for errors.
        console: Where a secret given in the open is complained of.

    Raises:
        InvalidInput: If one is no such setting, or breaks a rule; a secret is never shown.
    """
    for setting in settings:
        document = _apply(document, setting, console)
    try:
        return check_document(document, path) if settings else document
    except InvalidConfig as error:
        raise InvalidInput(f"--set {error.field}: {error.problem}") from None


def _apply(document: CredentialsDocument, setting: str, console: Console) -> CredentialsDocument:
    name, value = split_setting(setting)
    account, dot, field = name.partition(".")
    if (value and not dot) or (dot and not field):
        raise InvalidInput(f"--set {account}: {FORM}")
    if account == BITTENSOR:
        return _set_bittensor(document, field, value, console)
    return _set_account(document, AccountId.parse(account.lower()), field, value, console)


def _set_bittensor(document: CredentialsDocument, field: str, value: str, console: Console) -> CredentialsDocument:
    if not field:
        return document.model_copy(update={BITTENSOR: BittensorSection()})
    _refuse_unknown(BITTENSOR, field, BittensorSection)
    given = read_secret(_secret_text(field, value, console)) if field in SECRET_FIELDS else value
    return document.model_copy(update={BITTENSOR: document.bittensor_sn8.model_copy(update={field: given})})


def _set_account(
    document: CredentialsDocument, account: AccountId, field: str, value: str, console: Console
) -> CredentialsDocument:
    if not field:
        return _without(document, account)
    _refuse_unknown(str(account), field, ExchangeSection)
    if not is_known_to_ccxt(account.exchange):
        raise InvalidInput(f"--set {account}: {account.exchange} is no exchange that ccxt knows")
    is_secret = field in SECRET_FIELDS
    given = read_secret(_secret_text(field, value, console)) if is_secret else parse_value(value)
    return with_account(document, account, find_account(document, account).model_copy(update={field: given}))


def _without(document: CredentialsDocument, account: AccountId) -> CredentialsDocument:
    if not find_account(document, account).is_configured:
        raise InvalidInput(f"--set {account}=: there is no such account")
    rest = [further for further in document.accounts if further.account != account]
    if len(rest) < len(document.accounts):
        return document.model_copy(update={"accounts": rest})
    return with_account(document, account, ExchangeSection())


def _refuse_unknown(account: str, field: str, section: type[BaseModel]) -> None:
    if field not in section.model_fields:
        raise InvalidInput(f"--set {account}.{field}: there are {', '.join(section.model_fields)}")


def _secret_text(field: str, value: str, console: Console) -> str:
    if value.startswith("@"):
        try:
            return Path(value[1:]).read_text().strip()
        except (OSError, UnicodeDecodeError):
            raise InvalidInput(f"--set {field}={value}: the file cannot be read") from None
    if value.startswith("env:"):
        text = os.environ.get(value[4:], "")
        if not text:
            raise InvalidInput(f"--set {field}={value}: the variable is not set")
        return text
    if value:
        console.complain(
            f"{field} was given on the command line, where other users of this machine and the shell's history see it; "
            f"better is {field}=@FILE or {field}=env:NAME."
        )
    return value
