"""Everything the operator wrote that the webhook obeys: keys and mapping as they are, settings as of a second ago."""

from collections.abc import Callable, Mapping

from config.accounts import AccountMode, outline_accounts
from config.engine_settings_file import EngineSettingsFile
from config.home import Home
from config.last_good import LastGood
from config.schemas.mappings import parse_mappings
from config.schemas.reading import read_bytes
from config.webhook_keys import KeyFile, WebhookKey
from config.webhook_settings import WebhookSettings
from core.model.failures import InvalidConfig
from signal_processors.tradingview_book import TRADINGVIEW

LOOK_SECONDS = 1.0
MAKE_A_KEY = "./engine webhook keys add STRATEGY"


class WebhookConfig:
    """Settings, keys and mapped symbols as they are now; of each file the last valid version stays in force.

    Args:
        home: Whose files.
        time: The loop's reading in seconds.

    Raises:
        InvalidConfig: If a file is invalid at first sight.
    """

    def __init__(self, home: Home, time: Callable[[], float]) -> None:
        self._home = home
        self._time = time
        self._settings_file = EngineSettingsFile(home)
        self._keys = KeyFile(home)
        self._mapping: LastGood[bytes | None, Mapping[str, str] | None] = LastGood(self._read_mapping, self._parse)
        self._has_mapping = False
        self._looked_at = float("-inf")
        self._look()
        self._mapping.load()

    def settings(self) -> WebhookSettings:
        """The webhook's settings."""
        self._look()
        return self._settings

    def symbols(self) -> Mapping[str, str] | None:
        """The mapped source symbols, by their lower-case form; None while there is no mapping file.

        Looked at for every message: TradingView does not send again what was refused because its pair was a second old.
        """
        return self._mapping.load()

    def keys(self) -> tuple[WebhookKey, ...] | None:
        """All valid keys, None when none is required; a change applies at the next message."""
        return self._keys.load()

    def problem(self) -> str:
        """What is wrong with the files as they stand, empty when all are in force."""
        return "; ".join(filter(None, (self._settings_file.problem(), self._keys.problem, self._mapping.problem())))

    def missing_key(self) -> str:
        """Why the webhook may not start without a key, empty when it may: it has one, or every account is paper."""
        if self.keys():
            return ""
        try:
            modes = outline_accounts(self._home)
        except InvalidConfig as error:
            return f"no key, and the accounts cannot be read: {error} Make a key: {MAKE_A_KEY}"
        real = [str(account) for account, mode in modes.items() if mode is not AccountMode.PAPER]
        if not real:
            return ""
        return f"anyone could trade {', '.join(real)}: an account that is not paper needs a key. {MAKE_A_KEY}"

    def _look(self) -> None:
        now = self._time()
        if now - self._looked_at < LOOK_SECONDS:
            return
        self._looked_at = now
        self._settings = self._settings_file.load().webhook

    def _read_mapping(self) -> bytes | None:
        path = self._home.asset_mapping
        if self._has_mapping or path.exists():
            content = read_bytes(path, "Restore the file.")
            self._has_mapping = True
            return content
        return None

    def _parse(self, content: bytes | None) -> Mapping[str, str] | None:
        if content is None:
            return None
        mapped = parse_mappings(content, self._home.asset_mapping).get(TRADINGVIEW, {})
        return {symbol.lower(): symbol for symbol in mapped}
