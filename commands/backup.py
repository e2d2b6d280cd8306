"""`./engine backup`: one archive of everything that could not be made again."""

from pathlib import Path
from typing import Annotated

import typer

from commands.exit_codes import exit_codes

app = typer.Typer(add_completion=False)


@app.command()
def backup(
    file: Annotated[
        Path | None, typer.Argument(help="The archive; by default backups/trade-engine-TIME.tar.gz in the home.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Copy configuration, journal, paper accounts and the sources' records, consistently, also while all runs.

    Not in it: the key of the credentials (`./engine secrets check` says where it lies), .env, consents to live orders,
    and logs. The archive has mode 0600.

    Examples:

      ./engine backup

      ./engine backup /srv/backups/trade-engine.tar.gz --json
    """
    from rich.console import Console

    from config.credentials_file import plain_secrets
    from config.home import find_home
    from operations.backup import make_backup
    from operations.wall_clock import WallClock

    home, now = find_home(), WallClock().now()
    target = (file or home.path / "backups" / f"trade-engine-{now:%Y%m%dT%H%M%SZ}.tar.gz").absolute()
    with exit_codes():
        manifest = make_backup(home, target, now)
        content = home.credentials.read_bytes() if home.credentials.exists() else b""
        plain = bool(content) and bool(plain_secrets(content, home.credentials))
    console = Console(soft_wrap=True, markup=False, highlight=False)
    size = sum(one.size for one in manifest.files.values())
    if as_json:
        facts = {"file": str(target), "files": sorted(manifest.files), "bytes": size, "has_plain_secrets": plain}
        console.print_json(data=facts)
        return
    console.print(f"{target}: {len(manifest.files)} files, {size / 1e6:.1f} MB before packing.")
    if plain:
        console.print("It holds secrets in plain text; `./engine secrets rotate` encrypts them, then make another.")
