"""Questions about `bittensor_processor_config.json`: `python3 signal_processors/bittensor_processor.py --config`.

The order of the questions is documented and fixed; Enter keeps the current value:

    Filtering thresholds   min_trades, max_drawdown_threshold, min_profitable_rate, min_total_return
    Scoring weights        drawdown_exponent, sharpe_exponent, profitable_rate_exponent, position_count_divisor
    Asset filtering        min_trades_per_asset, max_trade_age_days
    Trading limits         leverage_limit_crypto
    Ranking                mode

Every other field is changed in the file or with --set FIELD=VALUE.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from config.bittensor_settings import BITTENSOR_SETTINGS, BittensorSettings
from config.dialog import Console, FileDraft, current_value_note, prompt_line
from config.dialog_options import read_document, split_setting
from config.files import format_json, parse_json
from config.home import Home
from config.schemas.reading import check_model
from core.model.failures import InvalidConfig, InvalidInput

SECTIONS: Mapping[str, Sequence[str]] = {
    "Filtering thresholds": (
        "min_trades",
        "max_drawdown_threshold",
        "min_profitable_rate",
        "min_total_return",
    ),
    "Scoring weights": (
        "drawdown_exponent",
        "sharpe_exponent",
        "profitable_rate_exponent",
        "position_count_divisor",
    ),
    "Asset filtering": ("min_trades_per_asset", "max_trade_age_days"),
    "Trading limits": ("leverage_limit_crypto",),
    "Ranking": ("mode",),
}
_DEFAULTS = BittensorSettings()


def configure_bittensor(
    console: Console, home: Home, settings: Sequence[str], from_file: Path | None, *, is_asked: bool
) -> None:
    """Load, change by file, by settings and by questions, show, and write once if anything changed.

    Raises:
        EOFError: If the answers end before the questions; nothing is then written.
        core.model.failures.EngineError: If a file or a setting breaks its rules.
    """
    draft = FileDraft(home.bittensor_settings)
    stored: dict[str, Any] = draft.load(parse_document, {})
    edited = dict(read_document(from_file, parse_document) if from_file else stored)
    for setting in settings:
        field, value = split_setting(setting)
        edited[field] = _read_value(edited, field, value, draft.path)
    if is_asked:
        _ask_all(console, edited, draft.path)
    _show(console, edited, is_brief=is_asked)
    if edited == stored and (stored or not is_asked):
        console.say(f"Nothing changed in {draft.path}")
        return
    draft.save(format_json(edited))
    console.say(f"Configuration saved to {draft.path}; a running processor takes it up in its next cycle")


def parse_document(content: bytes, path: Path) -> dict[str, Any]:
    """The file as written, notes and all.

    Raises:
        InvalidConfig: If it breaks a rule of the file.
    """
    document = parse_json(content, path)
    check_model(BITTENSOR_SETTINGS, document, path)
    return dict(document)


def _ask_all(console: Console, edited: dict[str, Any], path: Path) -> None:
    for section, fields in SECTIONS.items():
        console.say(section)
        for field in fields:
            current = edited.get(field, getattr(_DEFAULTS, field))
            prompt = prompt_line(f"Enter {field}", current_value_note(_shown(current)))
            edited[field] = console.ask(prompt, _parser(edited, field, current, path))
        console.say()


def _parser(edited: Mapping[str, Any], field: str, current: object, path: Path) -> Callable[[str], Any]:
    return lambda answer: _read_value(edited, field, answer, path) if answer else _stored_form(current)


def _read_value(edited: Mapping[str, Any], field: str, text: str, path: Path) -> object:
    """The value that a text means for a field, checked with all the others.

    Raises:
        InvalidInput: If the field is unknown or the value breaks its rule.
    """
    try:
        value = json.loads(text, parse_float=Decimal, parse_constant=str)
    except json.JSONDecodeError:
        value = text
    try:
        check_model(BITTENSOR_SETTINGS, {**edited, field: value}, path)
    except InvalidConfig as error:
        raise InvalidInput(f"{error.field or field}: {error.problem}") from error
    return value


def _show(console: Console, edited: Mapping[str, Any], *, is_brief: bool) -> None:
    """The settings in force; briefly: those that were asked for, and others that are not the default."""
    from rich.box import ASCII2  # noqa: PLC0415 - questions start without it
    from rich.table import Table  # noqa: PLC0415 - questions start without it

    table = Table("field", "value", "default", box=ASCII2)
    asked = {field for fields in SECTIONS.values() for field in fields}
    for field in BittensorSettings.model_fields:
        default = getattr(_DEFAULTS, field)
        if is_brief and field not in asked and edited.get(field, default) == default:
            continue
        table.add_row(field, _shown(edited.get(field, default)), _shown(default))
    console.show(table)


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return json.dumps(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _stored_form(value: object) -> object:
    """A default as a decimal, so that the file shows it as a person would write it."""
    return Decimal(repr(value)).normalize() + 0 if isinstance(value, float) else value
