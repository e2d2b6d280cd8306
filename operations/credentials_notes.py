"""What the engine says once, at its start, about the credentials it was given."""

from config.accounts import unconfigured_exchanges
from config.credentials_file import REMEDY, plain_secrets
from config.home import Home
from config.schemas.reading import read_bytes
from core.ports.telemetry import Telemetry


def tell_about_credentials(home: Home, telemetry: Telemetry) -> None:
    """Name the documented exchanges without keys, and secrets that are not encrypted; never a secret.

    Args:
        home: Whose; its credentials were read before.
        telemetry: Where it is told.

    Raises:
        core.model.failures.InvalidConfig: If the file changed meanwhile and is invalid now.
    """
    missing = unconfigured_exchanges(home)
    if missing:
        telemetry.tell("exchanges not configured", exchanges=list(missing), remedy=REMEDY)
    if home.credentials.exists():
        plain = plain_secrets(read_bytes(home.credentials, REMEDY), home.credentials)
        if plain:
            remedy = "Run `./engine secrets rotate`, which encrypts them."
            telemetry.tell("credentials not encrypted", fields=list(plain), remedy=remedy)
