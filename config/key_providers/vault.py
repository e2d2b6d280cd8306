"""The data key in HashiCorp Vault or OpenBao, key/value engine version 2.

The server's address and the login come from the environment alone (VAULT_ADDR; VAULT_TOKEN, or VAULT_ROLE_ID with
VAULT_SECRET_ID), never from a file that travels with the credentials. Every rotation is a new version of the secret;
the credentials name the version that opens them.

Routes used (developer.hashicorp.com/vault/api-docs: secret/kv/kv-v2, auth/approle): POST auth/approle/login,
GET and POST <mount>/data/<path>.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from config.key_providers.provider import Parameters, Surroundings
from config.secret_store import EncryptionHeader, SecretKey
from core.model.failures import InvalidConfig, InvalidInput

if TYPE_CHECKING:
    from hvac import Client

T = TypeVar("T")

FIELD = "key"
MOUNT_VARIABLE = "TRADE_ENGINE_VAULT_MOUNT"
PATH_VARIABLE = "TRADE_ENGINE_VAULT_PATH"
DEFAULT_MOUNT = "secret"
DEFAULT_PATH = "trade-engine"
TIMEOUT_SECONDS = 10


class VaultKey:
    """A key that a server keeps; needs the extra `vault`."""

    name = "vault"

    def __init__(self, around: Surroundings) -> None:
        self._around = around

    def make(self) -> tuple[SecretKey, Parameters]:
        """A new key as a new version of the secret."""
        mount = self._around.variable(MOUNT_VARIABLE) or DEFAULT_MOUNT
        path = self._around.variable(PATH_VARIABLE) or DEFAULT_PATH
        key = SecretKey.random()
        client = self._client()
        answer = self._ask(
            lambda: client.secrets.kv.v2.create_or_update_secret(path=path, secret={FIELD: key.text}, mount_point=mount)
        )
        version = _dig(answer, "data", "version")
        if not isinstance(version, int):
            raise self._failure("the answer names no version")
        return key, {"mount": mount, "path": path, "version": version}

    def find(self, header: EncryptionHeader) -> SecretKey:
        """The version that the header names."""
        mount, path, version = (header.parameters.get(name) for name in ("mount", "path", "version"))
        if not isinstance(mount, str) or not isinstance(path, str) or not isinstance(version, int):
            raise InvalidConfig("credentials.json", "encryption.parameters", "", "are damaged", "Restore the file.")
        client = self._client()
        answer = self._ask(
            lambda: client.secrets.kv.v2.read_secret_version(
                path=path, version=version, mount_point=mount, raise_on_deleted_version=True
            )
        )
        text = _dig(answer, "data", "data", FIELD)
        try:
            key = SecretKey.parse(text if isinstance(text, str) else "")
        except InvalidInput:
            key = None
        if key is None or key.key_id != header.key_id:
            raise self._failure(f"version {version} of {mount}/{path} does not hold the key {header.key_id}")
        return key

    def _client(self) -> "Client":
        address = self._around.variable("VAULT_ADDR")
        if not address:
            raise InvalidConfig("environment", "VAULT_ADDR", "", "no server is given", "Set it to Vault's address.")
        try:
            import hvac  # noqa: PLC0415 - an extra
        except ModuleNotFoundError:
            raise InvalidConfig(
                "vault", "", "", "the client is not installed", "Install it: `pip install -e '.[vault]'`."
            ) from None
        client = hvac.Client(
            url=address,
            token=self._around.variable("VAULT_TOKEN") or None,
            namespace=self._around.variable("VAULT_NAMESPACE") or None,
            timeout=TIMEOUT_SECONDS,
            allow_redirects=False,
        )
        role = self._around.variable("VAULT_ROLE_ID")
        if role:
            secret = self._around.variable("VAULT_SECRET_ID")
            self._ask(lambda: client.auth.approle.login(role_id=role, secret_id=secret or None))
        if not client.token:
            raise InvalidConfig(
                "environment", "VAULT_TOKEN", "", "no login is given", "Set it, or VAULT_ROLE_ID and VAULT_SECRET_ID."
            )
        return client

    def _ask(self, request: Callable[[], T]) -> T:
        """The answer, or a failure without the request's secrets."""
        from hvac.exceptions import VaultError  # noqa: PLC0415 - an extra
        from requests import RequestException  # noqa: PLC0415 - in the extra as well

        try:
            return request()
        except VaultError as error:
            problem = f"{type(error).__name__}: {'; '.join(map(str, error.errors or [])) or 'no reason given'}"
        except (RequestException, ValueError) as error:
            problem = f"cannot be reached or does not answer as Vault does ({type(error).__name__})"
        raise self._failure(problem)

    def _failure(self, problem: str) -> InvalidConfig:
        place = f"vault {self._around.variable('VAULT_ADDR')}"
        return InvalidConfig(place, "", "", problem, "Check address, login, policy and secret.")


def _dig(answer: Any, *names: str) -> Any:  # noqa: ANN401 - JSON of another program
    for name in names:
        if not isinstance(answer, dict):
            return None
        answer = answer.get(name)
    return answer
