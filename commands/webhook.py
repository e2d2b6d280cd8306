"""`./engine webhook`: the keys that TradingView's alerts bear, and the files of a public name."""

from typing import Annotated

import typer
from rich.console import Console

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Keys and public name of the TradingView endpoint.")
keys = typer.Typer(
    no_args_is_help=True, help="The keys that alerts bear; several of one strategy may be valid at once."
)
app.add_typer(keys, name="keys")

FAILED, USAGE, CONFIGURATION = 1, 2, 78


@keys.command("add")
def add(
    strategy: Annotated[str, typer.Argument(help="Whose alerts will bear the key, such as trend.")],
    rhythm_minutes: Annotated[
        float | None,
        typer.Option(help="The strategy speaks at least this often; silence beyond it is shown and measured.", min=1),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Make a key and show it once; only its hash is kept.

    Examples:

      ./engine webhook keys add trend

      ./engine webhook keys add trend --rhythm-minutes 60
    """
    from config.home import find_home
    from config.webhook_keys import add_key, load_keys, save_keys
    from core.model.failures import EngineError, InvalidConfig, InvalidInput
    from operations.wall_clock import WallClock

    home = find_home()
    try:
        known = load_keys(home) or ()
        known, text = add_key(known, strategy, WallClock().now(), rhythm_minutes)
        save_keys(home, known)
    except InvalidConfig as error:
        raise _complaint(str(error), CONFIGURATION) from error
    except InvalidInput as error:
        raise _complaint(str(error), USAGE) from error
    except EngineError as error:
        raise _complaint(str(error), FAILED) from error
    if as_json:
        _console().print_json(data={"id": known[-1].id, "strategy": strategy, "key": text})
        return
    _console().print(
        f"Key {known[-1].id} of {strategy}, shown this once:\n\n{text}\n\n"
        f'Put it into the alert\'s message: "key": "{text}"\nThe endpoint takes it from now on, without a restart.'
    )


@keys.command("list")
def show(as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """Show which keys are valid; the keys themselves are kept nowhere.

    Example:

      ./engine webhook keys list --json
    """
    from rich.table import Table

    from config.home import find_home
    from config.webhook_keys import load_keys
    from core.model.failures import InvalidConfig

    try:
        known = load_keys(find_home())
    except InvalidConfig as error:
        raise _complaint(str(error), CONFIGURATION) from error
    if as_json:
        rows = [
            {"id": key.id, "strategy": key.strategy, "made_at": str(key.made_at), "rhythm_minutes": key.rhythm_minutes}
            for key in known or ()
        ]
        _console().print_json(data={"required": known is not None, "keys": rows})
        return
    if known is None:
        _console().print("No keys: anyone on this machine may write, which is allowed while every account is paper.")
        return
    table = Table("id", "strategy", "made", "rhythm, minutes")
    for key in known:
        rhythm = "" if key.rhythm_minutes is None else f"{key.rhythm_minutes:g}"
        table.add_row(key.id, key.strategy, f"{key.made_at:%Y-%m-%d %H:%M} UTC", rhythm)
    _console().print(table)


@keys.command("revoke")
def revoke(key_id: Annotated[str, typer.Argument(help="Such as k1; `list` shows them.")]) -> None:
    """Make a key invalid from the next message on. What its strategy asks for stays in force until it says otherwise.

    Example:

      ./engine webhook keys revoke k1
    """
    from config.home import find_home
    from config.webhook_keys import load_keys, revoke_key, save_keys
    from core.model.failures import EngineError, InvalidConfig, InvalidInput

    home = find_home()
    try:
        known = load_keys(home) or ()
        left = revoke_key(known, key_id)
        save_keys(home, left)
    except InvalidConfig as error:
        raise _complaint(str(error), CONFIGURATION) from error
    except InvalidInput as error:
        raise _complaint(str(error), USAGE) from error
    except EngineError as error:
        raise _complaint(str(error), FAILED) from error
    strategy = next(key.strategy for key in known if key.id == key_id)
    text = f"Key {key_id} of {strategy} is not valid any more."
    if strategy not in {key.strategy for key in left}:
        text += f"\n{strategy} has no key left, and what it asked for last stays in force. To close it: give it a key"
        text += " again and send flat, or set the source's weight to 0."
    _console().print(text)


@app.command()
def domain(name: Annotated[str, typer.Argument(help="The public name, such as tv.example.com.")]) -> None:
    """Write the nginx and certbot files of a public name for review, and show the commands that install them.

    Nothing is installed and nothing runs as root.

    Example:

      ./engine webhook domain tv.example.com
    """
    from config.home import find_home
    from core.model.failures import EngineError, InvalidConfig, InvalidInput
    from signal_endpoints.domain_files import set_up_domain

    try:
        text = set_up_domain(find_home(), name)
    except InvalidConfig as error:
        raise _complaint(str(error), CONFIGURATION) from error
    except InvalidInput as error:
        raise _complaint(str(error), USAGE) from error
    except EngineError as error:
        raise _complaint(str(error), FAILED) from error
    _console().print(text)


def _console() -> Console:
    return Console(soft_wrap=True, markup=False, highlight=False)


def _complaint(text: str, code: int) -> typer.Exit:
    Console(stderr=True, soft_wrap=True, markup=False, highlight=False).print(text)
    return typer.Exit(code)
