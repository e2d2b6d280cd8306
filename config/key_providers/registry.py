"""The providers by the name that a file's header gives them."""

from config.key_providers.given_key import EnvironmentKey, SystemdKey
from config.key_providers.key_file import KeyFile
from config.key_providers.passphrase import Passphrase
from config.key_providers.provider import KeyProvider, Surroundings
from config.key_providers.vault import VaultKey
from core.model.failures import InvalidConfig

DEFAULT_PROVIDER = KeyFile.name
PROVIDERS = (KeyFile.name, Passphrase.name, EnvironmentKey.name, SystemdKey.name, VaultKey.name)


def provider_named(name: str, around: Surroundings) -> KeyProvider:
    """A provider.

    Args:
        name: One of PROVIDERS.
        around: What it may look at.

    Raises:
        InvalidConfig: If there is none of that name.
    """
    makers = {maker.name: maker for maker in (KeyFile, Passphrase, EnvironmentKey, SystemdKey, VaultKey)}
    if name not in makers:
        remedy = f"Take one of {', '.join(PROVIDERS)}."
        raise InvalidConfig("credentials.json", "encryption.provider", name, "there is no such key provider", remedy)
    return makers[name](around)
