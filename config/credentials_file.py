"""credentials.json read and written as a whole."""

from config.files import parse_json
from config.home import Home
from config.schemas.credentials import CREDENTIALS, CredentialsDocument
from config.schemas.reading import check_model, read_bytes

REMEDY = "Run `python3 config/credentials.py`."


def read_credentials(home: Home) -> CredentialsDocument:
    """The accounts and keys, decrypted; an empty document where there is no file.

    Raises:
        core.model.failures.InvalidConfig: Naming path, field and remedy, never a secret.
    """
    if not home.credentials.exists():
        return CredentialsDocument()
    content = parse_json(read_bytes(home.credentials, REMEDY), home.credentials)
    return check_model(CREDENTIALS, content, home.credentials, hide_values=True)
