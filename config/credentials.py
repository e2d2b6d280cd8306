"""Keys of the exchanges and of the SN8 signals: `python3 config/credentials.py`.

They are kept in credentials.json, mode 0600, every secret encrypted under a key that lies elsewhere.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

if __name__ == "__main__":  # run by its path: imports start at the project's root, not in this folder
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import typer

from config.credentials_file import format_credentials, parse_credentials, plain_secrets, read_header
from config.credentials_settings import apply_settings
from config.dialog import Console, FileDraft, choice, mask, run_dialog, standard_console
from config.dialog_accounts import EXCHANGE_NAMES, ask_documented, ask_further
from config.dialog_options import FROM_FILE, NON_INTERACTIVE, SETTINGS, read_document
from config.files import PRIVATE_MODE
from config.home import Home, find_home
from config.key_providers.provider import Surroundings, process_surroundings
from config.key_providers.registry import PROVIDERS
from config.schemas.credentials import AccountMode, CredentialsDocument, ExchangeSection
from core.model.failures import InvalidInput

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    settings: SETTINGS = None,
    from_file: FROM_FILE = None,
    *,
    non_interactive: NON_INTERACTIVE = False,
    more: Annotated[
        bool, typer.Option("--more", help="Ask for further accounts as well: other exchanges, labels, paper.")
    ] = False,
    encrypt: Annotated[bool, typer.Option("--encrypt", help="Encrypt secrets that are plain text, unasked.")] = False,
    provider: Annotated[
        str, typer.Option(metavar="NAME", help=f"Who keeps the key of a new file: {', '.join(PROVIDERS)}.")
    ] = "",
    passphrase: Annotated[bool, typer.Option("--passphrase", help="The same as --provider passphrase.")] = False,
) -> None:
    """Enter the keys of Bittensor SN8, Bybit, BloFin, KuCoin and MEXC.

    Without options it asks; Enter keeps what is there, and passes over what is not. Restart the engine afterwards.

    Examples:
      python3 config/credentials.py

      python3 config/credentials.py --more

      python3 config/credentials.py --set bybit.api_key=@key.txt --set bybit.api_secret=@secret.txt

      python3 config/credentials.py --set bybit.leverage_override=3 --set mexc.enabled=false

      python3 config/credentials.py --set okx::second= (removes the account)

      python3 config/credentials.py --from credentials-plain.json
    """
    console = standard_console()
    is_asked = not (settings or from_file or non_interactive or encrypt)

    def dialog() -> None:
        if provider and provider not in PROVIDERS:
            raise InvalidInput(f"--provider {provider}: take one of {', '.join(PROVIDERS)}")
        configure_credentials(
            console,
            find_home(),
            settings or [],
            from_file,
            is_asked=is_asked,
            asks_more=more,
            encrypts=encrypt,
            provider=provider or ("passphrase" if passphrase else ""),
        )

    raise typer.Exit(run_dialog(console, dialog))


def configure_credentials(
    console: Console,
    home: Home,
    settings: Sequence[str] = (),
    from_file: Path | None = None,
    *,
    is_asked: bool = True,
    asks_more: bool = False,
    encrypts: bool = False,
    provider: str = "",
    around: Surroundings | None = None,
) -> None:
    """Load, change by file, by settings and by questions, show, and write once if anything changed.

    Raises:
        EOFError: If the answers end before the questions; nothing is then written.
        core.model.failures.EngineError: If a file or a setting breaks its rules.
    """
    around = around or process_surroundings(home)
    draft = FileDraft(home.credentials, PRIVATE_MODE)
    if provider and draft.content is not None and read_header(draft.content, draft.path):
        raise InvalidInput("credentials.json has its key already; change it with `./engine secrets rotate`")

    def parse(content: bytes, path: Path) -> CredentialsDocument:
        return parse_credentials(content, path, around)

    stored = draft.load(parse, CredentialsDocument())
    document = read_document(from_file, parse) if from_file else stored
    document = apply_settings(document, settings, draft.path, console)
    if is_asked:
        document = ask_documented(console, document, draft.path)
    if is_asked and asks_more:
        console.say()
        document = ask_further(console, document, draft.path)
    console.say()
    show_summary(console, document)
    console.say()
    if document.model_dump() == stored.model_dump() and not _wants_encryption(
        console, draft, is_asked=is_asked, encrypts=encrypts
    ):
        draft.restrict()
        console.say(f"Nothing changed in {draft.path}")
        return
    formatted = format_credentials(document, draft.path, draft.content, around, provider)
    draft.save(formatted.content)
    if formatted.notice:
        console.say(f"{formatted.notice}\n")
    console.say(f"Configuration saved to {draft.path}")
    console.say("Restart the services that use it; a running engine keeps the keys it started with.")
    if any(section.mode is AccountMode.LIVE for _account, section in document.configured()):
        console.say("Live accounts are not armed by this: the engine shows what it would send until ./engine arm.")


def show_summary(console: Console, document: CredentialsDocument) -> None:
    """Every account, what it reaches and which secrets it has, masked."""
    from rich.box import ASCII2  # noqa: PLC0415 - questions start without it
    from rich.table import Table  # noqa: PLC0415 - questions start without it

    table = Table("Account", "Mode", "API key", "API secret", "API passphrase", box=ASCII2)
    bittensor = document.bittensor_sn8
    key = bittensor.api_key.get_secret_value()
    table.add_row("Bittensor SN8", "signals" if key else "not configured", mask(key) if key else "", "", "")
    for name, section in document.sections().items():
        table.add_row(*_row(EXCHANGE_NAMES[name], section))
    for further in document.accounts:
        table.add_row(*_row(str(further.account), further))
    console.say("Credentials:")
    console.show(table)


def _row(name: str, section: ExchangeSection) -> tuple[str, ...]:
    if not section.is_configured:
        return (name, "not configured", "", "", "")
    key = section.api_key.get_secret_value()
    has_secret, has_phrase = (
        bool(section.api_secret.get_secret_value()),
        bool(section.api_passphrase.get_secret_value()),
    )
    mode = str(section.mode.value) + ("" if section.enabled else ", disabled")
    return (name, mode, mask(key) if key else "", "set" if has_secret else "", "set" if has_phrase else "")


def _wants_encryption(console: Console, draft: FileDraft, *, is_asked: bool, encrypts: bool) -> bool:
    """Whether plain secrets of a file that is otherwise to stay as it is are to be encrypted now."""
    plain = plain_secrets(draft.content, draft.path) if draft.content is not None else ()
    if not plain or encrypts:
        return bool(plain)
    if not is_asked:
        console.say(f"{len(plain)} secrets in it are plain text; --encrypt encrypts them.")
        return False
    question = f"{len(plain)} secrets in it are plain text. Encrypt them now (y/n)? "
    return console.ask(question, choice("ny")) == "y"


if __name__ == "__main__":
    app()
