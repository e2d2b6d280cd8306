"""Which accounts are enabled at this moment: the one thing of credentials.json that applies without a restart."""

from config.credentials_file import parse_outline
from config.home import Home
from config.last_good import LastGood, file_mark
from config.schemas.reading import read_bytes
from core.model.failures import InvalidConfig
from core.model.identity import AccountId


class AccountSwitches:
    """The `enabled` of every configured account, reloaded; no secret is opened.

    An account that vanishes from the file is not switched: it keeps what it had until a restart, as keys do.
    """

    def __init__(self, home: Home) -> None:
        self._path = home.credentials
        marked = str(self._path)
        self._last_good: LastGood[bytes, dict[AccountId, bool]] = LastGood(
            self._read, self._parse, mark=lambda: file_mark(marked)
        )

    def load(self) -> dict[AccountId, bool]:
        """Whether each account is enabled, by the newest valid file; empty when there never was one."""
        try:
            return self._last_good.load()
        except InvalidConfig:
            return {}

    def problem(self) -> str:
        """What is wrong with the file as it stands, empty when it is the version in force."""
        return self._last_good.problem()

    def _read(self) -> bytes:
        return read_bytes(self._path, "") if self._path.exists() else b"{}"

    def _parse(self, content: bytes) -> dict[AccountId, bool]:
        document = parse_outline(content, self._path)
        return {account: section.enabled for account, section in document.configured()}
