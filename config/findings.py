"""Everything that is wrong or doubtful in the operator's files, each with its remedy."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from config.accounts import load_accounts
from config.credentials_file import plain_secrets, read_credentials
from config.engine_settings_file import parse_settings, read_settings
from config.file_guard import check_may_replace
from config.home import Home
from config.key_providers.provider import Surroundings
from config.operator_files import operator_files
from config.overrides import Overrides
from config.schemas.reading import read_bytes
from config.trading_files import MAPPING_REMEDY, WEIGHTS_REMEDY, TradingFiles
from core.model.failures import InvalidConfig
from core.model.money import ZERO
from core.model.target import TradingConfig


class Severity(StrEnum):
    """Whether a service refuses to start over it, or a person should look at it."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong or doubtful.

    Attributes:
        severity: How bad.
        place: File, and field where there is one.
        text: What, with the value where it may be shown.
        remedy: What to do.
    """

    severity: Severity
    place: str
    text: str
    remedy: str


def find_in_files(home: Home, around: Surroundings, overrides: Overrides | None = None) -> list[Finding]:
    """Look at every file of the operator, and at how they fit together.

    Args:
        home: Whose.
        around: Where the key of the credentials is looked for.
        overrides: Settings outside the file; this process's environment by default.
    """
    findings = [*_find_in_each(home)]
    findings += _errors(lambda: read_credentials(home, around))
    findings += _errors(lambda: parse_settings(home, read_settings(home, overrides or Overrides())))
    if not any(finding.severity is Severity.ERROR for finding in findings):
        findings += _find_in_credentials(home, around)
    config: list[TradingConfig] = []
    findings += _errors(lambda: config.append(TradingFiles(home).load()))
    for loaded in config:
        findings += find_in_trading(home, loaded)
    return list(dict.fromkeys(findings))


def find_in_trading(home: Home, config: TradingConfig) -> Iterator[Finding]:
    """Where weights and mappings, each valid by itself, do not fit together."""
    targets = {source: set(mapping.values()) for source, mapping in config.mappings.items()}
    weighted = {weights.symbol for weights in config.weights}
    for weights in config.weights:
        place = f"{home.signal_weights}: {weights.symbol}"
        for share in weights.sources:
            if share.weight > ZERO and weights.symbol not in targets.get(share.source, set()):
                text = f"{share.source} has a weight but maps no symbol of its own to {weights.symbol}"
                yield Finding(Severity.WARNING, place, f"{text}; it adds nothing", MAPPING_REMEDY)
        if all(share.weight == ZERO for share in weights.sources):
            yield Finding(Severity.WARNING, place, "no source has a weight; the symbol is kept flat", WEIGHTS_REMEDY)
    for symbol in sorted(set().union(*targets.values()) - weighted):
        text = f"{symbol} is mapped but has no weights; it is not traded"
        yield Finding(Severity.WARNING, str(home.signal_weights), text, WEIGHTS_REMEDY)


def _find_in_each(home: Home) -> Iterator[Finding]:
    for file in operator_files():
        path = file.path(home)
        if not path.exists():
            continue
        yield from _errors(lambda path=path: check_may_replace(path), Severity.WARNING)  # type: ignore[misc]
        if file.is_undoable and path.stat().st_mode & 0o022:
            text = "others than its owner may change it, and so what is traded"
            yield Finding(Severity.WARNING, str(path), text, f"Run `chmod go-w {path}`.")
        if file.is_undoable:
            yield from _errors(lambda file=file, path=path: file.check(read_bytes(path, ""), path))  # type: ignore[misc]


def _find_in_credentials(home: Home, around: Surroundings) -> Iterator[Finding]:
    path = home.credentials
    if path.exists():
        for name in plain_secrets(path.read_bytes(), path):
            yield Finding(
                Severity.WARNING,
                f"{path}: {name}",
                "is not encrypted",
                "Run `./engine secrets rotate`, which encrypts it.",
            )
    for settings in load_accounts(home, around):
        if not settings.is_armed:
            text = f"the {settings.mode} account {settings.account} is not armed; its orders are shown and not sent"
            remedy = f"Run `./engine arm {settings.account}` when you want it to trade."
            yield Finding(Severity.WARNING, str(path), text, remedy)


def _errors(look: Callable[[], object], severity: Severity = Severity.ERROR) -> Sequence[Finding]:
    try:
        look()
    except InvalidConfig as error:
        place = f"{error.path}: {error.field}" if error.field else error.path
        text = f"{error.problem} (found {error.value})" if error.value else error.problem
        return [Finding(severity, place, text, error.remedy)]
    return []
