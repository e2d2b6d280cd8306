"""`./engine restore`: bring a backup back."""

import getpass
import secrets
from pathlib import Path
from typing import Annotated

import typer

from commands.exit_codes import CONFIGURATION, exit_codes
from commands.operator_command import AsJson, Yes, confirm

app = typer.Typer(add_completion=False)


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="An archive of ./engine backup.", exists=True, dir_okay=False)],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check the archive and change nothing.")] = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Put a backup back while the engine is stopped; what it replaces is moved aside, not deleted.

    The journal gets a new epoch, so that no order id is ever given twice, and the engine only reduces until
    `./engine resume`. A position that the restored fills do not explain waits for `./engine adopt`. Records of a
    source that are still there are newer, and stay.

    Examples:

      ./engine restore trade-engine.tar.gz --dry-run

      ./engine restore trade-engine.tar.gz
    """
    from rich.console import Console

    from config.home import find_home
    from operations.backup import restore_backup
    from operations.engine_lock import AlreadyRunning
    from operations.journal_file import EPOCH_BYTES
    from operations.wall_clock import WallClock

    home = find_home()
    if not dry_run:
        confirm(f"Replace configuration and journal in {home.path}?", yes=yes)
    epoch, now = secrets.token_hex(EPOCH_BYTES), WallClock().now()
    console = Console(soft_wrap=True, markup=False, highlight=False)
    with exit_codes():
        try:
            done = restore_backup(home, file, now, epoch, getpass.getuser(), is_rehearsal=dry_run)
        except AlreadyRunning as error:
            Console(stderr=True, soft_wrap=True, markup=False, highlight=False).print(str(error))
            raise typer.Exit(CONFIGURATION) from error
    if as_json:
        facts = {"made_at": done.made_at, "files": done.files, "kept": done.kept, "restored": not dry_run}
        console.print_json(data=facts | {"aside": "" if dry_run else str(done.aside)})
        return
    verb = "would be put back" if dry_run else "put back"
    console.print(f"The backup of {done.made_at}: {len(done.files)} files {verb}.")
    if done.kept:
        console.print(f"Kept, because the home still has them: {len(done.kept)} files of sources' records.")
    if not dry_run:
        console.print(f"What was replaced lies in {done.aside}.")
        console.print("The engine will only reduce. Next: ./engine doctor, start it, ./engine status, ./engine resume")
