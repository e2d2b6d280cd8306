"""`./engine secrets`: the encryption of credentials.json."""

import json
from typing import Annotated

import typer
from rich.console import Console

from commands.exit_codes import FAILED, exit_codes

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__)


@app.command()
def check(as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False) -> None:
    """Show who keeps the key and whether every secret opens with it; exit code 1 if one is not encrypted.

    Examples:

      ./engine secrets check

      ./engine secrets check --json
    """
    from config.home import find_home
    from config.key_providers.provider import process_surroundings
    from config.secrets_upkeep import check_secrets

    with exit_codes():
        home = find_home()
        report = check_secrets(home, process_surroundings(home))
    if as_json:
        shown = {
            "provider": report.provider,
            "key_id": report.key_id,
            "encrypted": list(report.encrypted),
            "plain": list(report.plain),
        }
        typer.echo(json.dumps(shown, indent=2))
    else:
        _console().print(report.text)
    raise typer.Exit(FAILED if report.plain else 0)


@app.command()
def rotate(
    provider: Annotated[
        str,
        typer.Option(
            "--provider",
            help="Who keeps the new key: key_file, passphrase, environment, systemd, vault; the same as now.",
        ),
    ] = "",
    passphrase: Annotated[bool, typer.Option("--passphrase", help="The same as --provider passphrase.")] = False,
    forget: Annotated[
        bool, typer.Option("--forget-old-keys", help="Remove older keys from the key file; old backups stay closed.")
    ] = False,
) -> None:
    """Encrypt every secret anew under a new key, kept by the same provider or another; nothing is entered again.

    A plain file, such as the original's, becomes an encrypted one. A crash at any moment leaves a file that opens.
    Services go on with what they read at their start.

    Providers:

      key_file     a file with mode 0600 in the user's configuration folder (TRADE_ENGINE_KEY_FILE names another)

      passphrase   asked at every start, or the systemd credential trade-engine-passphrase (Argon2id, 64 MiB)

      environment  TRADE_ENGINE_KEY, also in .env; the new key in TRADE_ENGINE_NEXT_KEY while keys change.
      Under pm2 the environment is written to a file that everybody may read: use another provider there

      systemd      the credential trade-engine-key; the new key as trade-engine-next-key while keys change

      vault        HashiCorp Vault or OpenBao, KV version 2: VAULT_ADDR, and VAULT_TOKEN or VAULT_ROLE_ID with
      VAULT_SECRET_ID; needs `pip install -e '.[vault]'`. Tried against a server made by ourselves from the documented
      routes, not against a real one

    Examples:

      ./engine secrets rotate

      ./engine secrets rotate --passphrase

      ./engine secrets rotate --provider vault
    """
    from config.home import find_home
    from config.key_providers.provider import process_surroundings
    from config.secrets_upkeep import rotate_key

    with exit_codes():
        home = find_home()
        name = "passphrase" if passphrase else provider
        rotation = rotate_key(home, process_surroundings(home), name, forget_old_keys=forget)
    _console().print(rotation.text)


def _console() -> Console:
    return Console(highlight=False, markup=False, soft_wrap=True)
