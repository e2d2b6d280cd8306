"""Keys that somebody else hands to the process: the environment, `.env`, or systemd."""

from config.key_providers.provider import Parameters, Surroundings, parse_keys, pick_key
from config.secret_store import EncryptionHeader, SecretKey
from core.model.failures import InvalidConfig

KEY_VARIABLE = "TRADE_ENGINE_KEY"
NEXT_KEY_VARIABLE = "TRADE_ENGINE_NEXT_KEY"
SYSTEMD_KEY = "trade-engine-key"
SYSTEMD_NEXT_KEY = "trade-engine-next-key"


class EnvironmentKey:
    """A key given as TRADE_ENGINE_KEY in the environment or in `.env`; pm2 would keep the former readable by all."""

    name = "environment"

    def __init__(self, around: Surroundings) -> None:
        self._around = around

    def make(self) -> tuple[SecretKey, Parameters]:
        """The next key if there is one, else the key."""
        given = self._given()
        if not given:
            remedy = (
                f"Set {KEY_VARIABLE} to what `openssl rand -base64 32` prints; for another key {NEXT_KEY_VARIABLE}."
            )
            raise InvalidConfig("environment", KEY_VARIABLE, "", "no key is given", remedy)
        return given[-1], {}

    def find(self, header: EncryptionHeader) -> SecretKey:
        """Whichever of the two has the header's id."""
        return pick_key(self._given(), header, "environment", f"Set {KEY_VARIABLE} to the key.")

    def _given(self) -> list[SecretKey]:
        texts = [self._around.variable(name) for name in (KEY_VARIABLE, NEXT_KEY_VARIABLE)]
        return parse_keys(texts, "environment", KEY_VARIABLE)


class SystemdKey:
    """A key that systemd passes as the credential `trade-engine-key` (LoadCredentialEncrypted)."""

    name = "systemd"

    def __init__(self, around: Surroundings) -> None:
        self._around = around

    def make(self) -> tuple[SecretKey, Parameters]:
        """The next key if there is one, else the key."""
        given = self._given()
        if not given:
            remedy = f"Load the credential {SYSTEMD_KEY} in the service; see deploy/."
            raise InvalidConfig("systemd credentials", SYSTEMD_KEY, "", "no key is given", remedy)
        return given[-1], {}

    def find(self, header: EncryptionHeader) -> SecretKey:
        """Whichever of the two has the header's id."""
        return pick_key(self._given(), header, "systemd credentials", f"Load the credential {SYSTEMD_KEY}.")

    def _given(self) -> list[SecretKey]:
        texts = [self._around.systemd_credential(name) for name in (SYSTEMD_KEY, SYSTEMD_NEXT_KEY)]
        return parse_keys(texts, "systemd credentials", SYSTEMD_KEY)
