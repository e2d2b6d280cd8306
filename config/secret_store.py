"""Secret fields at rest: AES-256-GCM under one data key, each bound to its file and field.

A sealed field is `enc:v1:` and the base64 of a random 96-bit nonce, the ciphertext and its tag. File, field and
format version are authenticated with it, so a sealed text that is moved to another field or file does not open.
"""

import base64
import hashlib
import secrets
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import Field

from config.schemas.fields import StrictModel
from core.model.failures import InvalidInput

SEALED_PREFIX = "enc:v1:"
KEY_BYTES = 32
NONCE_BYTES = 12
KEY_ID_LENGTH = 12


class CannotOpen(InvalidInput):
    """A sealed text was changed, moved or damaged, or was sealed with another key."""


@dataclass(frozen=True, slots=True)
class SecretKey:
    """A data key; its repr shows its id alone.

    Attributes:
        material: 32 random bytes, or as many derived from a passphrase.
    """

    material: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.material) != KEY_BYTES:
            raise InvalidInput(f"a data key has {KEY_BYTES} bytes, this one has {len(self.material)}")

    @classmethod
    def random(cls) -> "SecretKey":
        """A new one."""
        return cls(secrets.token_bytes(KEY_BYTES))

    @classmethod
    def parse(cls, text: str) -> "SecretKey":
        """Read the base64 of 32 bytes.

        Raises:
            InvalidInput: If it is not; the text is not shown.
        """
        try:
            return cls(base64.b64decode(text.strip(), validate=True))
        except ValueError:
            pass
        raise InvalidInput("a data key is the base64 of 32 bytes, such as `openssl rand -base64 32` prints")

    @property
    def text(self) -> str:
        """Its base64, for the one place that keeps it."""
        return base64.b64encode(self.material).decode()

    @property
    def key_id(self) -> str:
        """Tells keys apart without telling anything of them."""
        return hashlib.sha256(b"trade-engine key id\x1f" + self.material).hexdigest()[:KEY_ID_LENGTH]


class EncryptionHeader(StrictModel):
    """The `encryption` section of a file: where its data key comes from.

    Attributes:
        version: Of the format.
        provider: Who has the key.
        key_id: Which key it is.
        parameters: What the provider needs to find it again; nothing secret.
    """

    version: int = Field(ge=1, le=1)
    provider: str
    key_id: str
    parameters: dict[str, str | int] = Field(default_factory=dict)


def is_sealed(text: object) -> bool:
    """Whether a field holds a sealed text."""
    return isinstance(text, str) and text.startswith(SEALED_PREFIX)


def seal(key: SecretKey, text: str, file: str, name: str) -> str:
    """Encrypt one field.

    Args:
        key: The data key.
        text: The secret.
        file: The file's name, without its folder.
        name: Dotted name of the field.
    """
    nonce = secrets.token_bytes(NONCE_BYTES)
    sealed = AESGCM(key.material).encrypt(nonce, text.encode(), _bound_to(file, name))
    return SEALED_PREFIX + base64.b64encode(nonce + sealed).decode()


def unseal(key: SecretKey, sealed: str, file: str, name: str) -> str:
    """Decrypt one field.

    Raises:
        CannotOpen: If it was changed, moved from another field or file, damaged, or sealed with another key.
    """
    try:
        blob = base64.b64decode(sealed.removeprefix(SEALED_PREFIX), validate=True)
        return AESGCM(key.material).decrypt(blob[:NONCE_BYTES], blob[NONCE_BYTES:], _bound_to(file, name)).decode()
    except (InvalidTag, ValueError):
        pass
    raise CannotOpen("does not open: it was changed, moved from another field or damaged since it was written")


def _bound_to(file: str, name: str) -> bytes:
    return f"trade-engine\x1f{SEALED_PREFIX}\x1f{file}\x1f{name}".encode()
