"""What the commands about paper accounts share: which there are, and how something is asked of whoever keeps them."""

import asyncio
import time
from typing import TYPE_CHECKING

import typer

from commands.paper_serve import fail, say

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from core.model.identity import AccountId
    from paper.account import PaperKeys
    from paper.operator_requests import HouseRequest
    from paper.prices import PriceSource

TAKEN_SECONDS = 10.0
LOOK_SECONDS = 0.1


def ask(request: "HouseRequest", *, as_json: bool) -> None:
    """Leave the request; if no process keeps the accounts, apply it here and now. Then say what came of it."""
    is_done, text, _ = leave(request, as_json=as_json)
    if not is_done:
        fail(text, as_json=as_json)
    say({"done": text}, text, as_json=as_json)


def ask_and_wait(request: "HouseRequest", *, as_json: bool) -> None:
    """Leave the request, and return when it was applied; what came of it is not said."""
    is_done, text, path = leave(request, as_json=as_json)
    deadline = time.monotonic() + TAKEN_SECONDS
    while path.exists() and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)  # noqa: TID251 - the command waits for another process
    if path.exists():
        fail(f"{text}; not applied within {TAKEN_SECONDS:g} s", as_json=as_json)
    if not is_done:
        fail(text, as_json=as_json)


def leave(request: "HouseRequest", *, as_json: bool) -> "tuple[bool, str, Path]":
    """Whether the request was applied or left for another process, in words, and the file that holds it until then."""
    from config.home import find_home
    from core.model.failures import EngineError
    from operations.wall_clock import WallClock
    from paper.house import PaperHouse, requests_folder
    from paper.operator_requests import write_request
    from paper.storage import AccountsInUse

    async def apply() -> tuple[bool, str]:
        async with engine_prices() as source:
            house = PaperHouse(WallClock(), folder=folder, prices=source)
            try:
                outcomes = house.look()
            finally:
                await house.close()
        return all(outcome.is_done for outcome in outcomes), "\n".join(outcome.text for outcome in outcomes)

    folder = find_home().paper
    try:
        path = write_request(requests_folder(folder), request)
        try:
            is_done, text = asyncio.run(apply())
        except AccountsInUse:
            is_done, text = True, f"left for the running engine, which applies it within seconds ({path.name})"
    except EngineError as error:
        fail(str(error), as_json=as_json)
    return is_done, text, path


def existing_account(text: str) -> str:
    """The name of a kept paper account, as it was typed."""
    from core.model.failures import InvalidInput
    from core.model.identity import AccountId

    try:
        named = AccountId.parse(text)
    except InvalidInput as error:
        raise typer.BadParameter(str(error), param_hint="ACCOUNT") from error
    kept = kept_keys()
    if named not in kept:
        found = ", ".join(map(str, kept)) or "there are none before the engine's first start"
        raise typer.BadParameter(f"{named} is no paper account: {found}", param_hint="ACCOUNT")
    return str(named)


def kept_keys() -> "dict[AccountId, PaperKeys]":
    """Every paper account that is kept, and its keys."""
    from config.home import find_home
    from core.model.failures import EngineError
    from paper.house import accounts_file
    from paper.storage import read_keys

    try:
        return read_keys(accounts_file(find_home().paper))
    except EngineError as error:
        fail(str(error), as_json=False)


def engine_prices() -> "AbstractAsyncContextManager[PriceSource | None]":
    """Prices from where the engine's paper accounts have theirs; others would fill and liquidate what nobody saw."""
    from config.engine_settings_file import EngineSettingsFile
    from config.home import find_home
    from operations.wall_clock import WallClock
    from paper.price_sources import open_prices

    choice = EngineSettingsFile(find_home()).load().paper.prices
    return open_prices(choice, int(WallClock().now().timestamp() * 1000))
