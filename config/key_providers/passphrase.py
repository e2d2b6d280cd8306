"""A key that a person knows by heart."""

import base64
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from config.key_providers.provider import Parameters, Surroundings, pick_key
from config.secret_store import KEY_BYTES, EncryptionHeader, SecretKey
from core.model.failures import InvalidConfig

PASSPHRASE_VARIABLE = "TRADE_ENGINE_PASSPHRASE"  # noqa: S105 - the name of a variable
SYSTEMD_PASSPHRASE = "trade-engine-passphrase"  # noqa: S105 - the name of a systemd credential
SHORTEST_PASSPHRASE = 12


@dataclass(frozen=True, slots=True)
class Cost:
    """What one guess of a passphrase costs, as Argon2id counts it (RFC 9106)."""

    memory_kib: int = 64 * 1024
    iterations: int = 3
    lanes: int = 4


MOST_MEMORY_KIB = 1024 * 1024
MOST_ITERATIONS = 64
MOST_LANES = 64


class Passphrase:
    """A key derived from a passphrase with Argon2id and a random salt."""

    name = "passphrase"

    def __init__(self, around: Surroundings, cost: Cost | None = None) -> None:
        self._around = around
        self._cost = cost or Cost()

    def make(self) -> tuple[SecretKey, Parameters]:
        """A key under a new salt; a person is asked for the passphrase twice."""
        given = self._given() or self._ask_new()
        if len(given) < SHORTEST_PASSPHRASE:
            problem = f"is shorter than {SHORTEST_PASSPHRASE} characters"
            raise InvalidConfig("passphrase", "", "", problem, "Take several words.")
        parameters: Parameters = {
            "salt": base64.b64encode(secrets.token_bytes(16)).decode(),
            "memory_kib": self._cost.memory_kib,
            "iterations": self._cost.iterations,
            "lanes": self._cost.lanes,
        }
        key = _derive(given, parameters)
        self._around.known_keys[key.key_id] = key
        return key, parameters

    def find(self, header: EncryptionHeader) -> SecretKey:
        """The key that the passphrase gives under the header's salt; a person is asked for it once."""
        given, known = self._given(), self._around.known_keys
        if not given and header.key_id in known:
            return known[header.key_id]
        if not given and self._around.ask:
            given = self._around.ask("Passphrase of the credentials: ")
        if not given:
            remedy = f"Start it from a terminal, or pass the systemd credential {SYSTEMD_PASSPHRASE}."
            raise InvalidConfig("passphrase", "", "", "the credentials need one and nobody can be asked", remedy)
        key = pick_key([_derive(given, header.parameters)], header, "passphrase", "Give the right passphrase.")
        known[key.key_id] = key
        return key

    def _given(self) -> str:
        return self._around.variable(PASSPHRASE_VARIABLE) or self._around.systemd_credential(SYSTEMD_PASSPHRASE)

    def _ask_new(self) -> str:
        if not self._around.ask:
            return ""
        first = self._around.ask("New passphrase of the credentials: ")
        if self._around.ask("The same once more: ") != first:
            raise InvalidConfig("passphrase", "", "", "the two differ", "Start again; nothing was written.")
        return first


def _derive(passphrase: str, parameters: Mapping[str, str | int]) -> SecretKey:
    memory, iterations, lanes = (
        _bounded(parameters, name, most)
        for name, most in (("memory_kib", MOST_MEMORY_KIB), ("iterations", MOST_ITERATIONS), ("lanes", MOST_LANES))
    )
    try:
        salt = base64.b64decode(str(parameters.get("salt", "")), validate=True)
        derivation = Argon2id(salt=salt, length=KEY_BYTES, iterations=iterations, lanes=lanes, memory_cost=memory)
    except ValueError:
        raise _damaged() from None
    return SecretKey(derivation.derive(passphrase.encode()))


def _bounded(parameters: Mapping[str, str | int], name: str, most: int) -> int:
    value = parameters.get(name)
    if not isinstance(value, int) or not 1 <= value <= most:
        raise _damaged()
    return value


def _damaged() -> InvalidConfig:
    return InvalidConfig("credentials.json", "encryption.parameters", "", "are damaged", "Restore the file.")
