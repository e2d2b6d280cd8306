"""The operator's consent to live orders: what is to be seen before, and how it is recorded."""

from collections.abc import Mapping
from datetime import datetime

from config.accounts import AccountSettings
from config.consents import record_consent
from config.engine_settings_file import EngineSettingsFile
from config.home import Home
from config.trading_files import TradingFiles
from core.model.money import ZERO, plain
from core.model.reading import Known
from operations.views import read_passes


def facts_of(home: Home, settings: AccountSettings) -> Mapping[str, str]:
    """What the operator is to see before agreeing, as text by name; no secret.

    Raises:
        core.model.failures.InvalidConfig: If a file that says it is invalid.
    """
    report = read_passes(home.last_passes).get(settings.account)
    equity = report.snapshot.equity if report and report.snapshot else None
    value = f"{plain(equity.value)} USDT" if isinstance(equity, Known) else "unknown: the engine has not read it yet"
    limits = EngineSettingsFile(home).limits()
    weights = TradingFiles(home).load().weights
    total = sum((share.weight for entry in weights for share in entry.sources), ZERO)
    leverage = max((entry.leverage for entry in weights), default=ZERO)
    cap = settings.leverage_override
    return {
        "mode": settings.mode,
        "value": value,
        "symbols": ", ".join(entry.symbol for entry in weights) or "none",
        "sum of weights": plain(total),
        "leverage": f"at most {plain(min(leverage, cap) if cap else leverage)}",
        "largest position": _usd(limits.max_symbol_notional),
        "largest sum of positions": _usd(limits.max_account_notional),
        "largest order": _usd(limits.max_order_notional),
        "daily loss limit": _percent(limits.max_daily_loss_percent),
        "drawdown limit": _percent(limits.max_drawdown_percent),
    }


def arm_account(home: Home, settings: AccountSettings, at: datetime, by: str, shown: Mapping[str, str]) -> None:
    """Record the consent for the key that the account has now; another key is unarmed again.

    Args:
        home: Whose.
        settings: The account.
        at: UTC time.
        by: Who agreed.
        shown: What was shown before.

    Raises:
        core.model.failures.StorageFailure: If it cannot be written.
    """
    record_consent(home.consents, settings.account, settings.key_fingerprint, at, by, shown)


def _usd(amount: object) -> str:
    return f"{amount} USDT" if amount is not None else "no limit"


def _percent(amount: object) -> str:
    return f"{amount} %" if amount is not None else "no limit"
