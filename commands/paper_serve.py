"""`./engine paper serve`: the four paper exchanges over loopback HTTP, for any client."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from paper.house import PaperHouse
    from paper.prices import PriceSource
    from paper.serving import Served

TEST_LABEL = "test"
FAILED = 1

Json = Annotated[bool, typer.Option("--json", help="One line of JSON.")]


def serve(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Loopback port; 0 takes a free one.")] = 48800,
    seed: Annotated[int, typer.Option(help="Prices, books, funding, faults and keys follow from it.")] = 1,
    walk: Annotated[float, typer.Option(min=0.001, help="How often prices move, in seconds.")] = 1.0,
    prices: Annotated[
        str, typer.Option(help="`walk`, `live`, or a CSV or Parquet file of time, coin, price.")
    ] = "walk",
    markets: Annotated[int, typer.Option(min=0, help="Coins to list; 0 lists the usual ones.")] = 0,
    balance: Annotated[str, typer.Option(help="USDT of each test account.")] = "10000",
    accounts: Annotated[int, typer.Option(min=1, help="Test accounts on each exchange.")] = 1,
    unlimited: Annotated[bool, typer.Option("--unlimited", help="Without the exchanges' rate limits.")] = False,
    state: Annotated[Path | None, typer.Option(help="A folder where accounts are kept; without it nothing is.")] = None,
    as_json: Json = False,
) -> None:
    """Serve Bybit, BloFin, KuCoin Futures and MEXC on loopback until stopped.

    Prints each exchange's base URL, what to put over ccxt's urls['api'], keys of test accounts, and the content of a
    credentials.json with which an engine trades there.

    Examples:

      ./engine paper serve

      ./engine paper serve --port 0 --seed 7 --json

      ./engine paper serve --prices candles.csv --markets 500
    """
    from core.model.failures import EngineError
    from operations.wall_clock import WallClock
    from paper.house import PaperHouse

    def build(source: "PriceSource | None") -> PaperHouse:
        return PaperHouse(
            WallClock(),
            seed=seed,
            walk_seconds=walk,
            market_count=markets or None,
            prices=source,
            is_limited=not unlimited,
            folder=state,
        )

    try:
        amount = number(balance, "--balance")
        asyncio.run(_serve(port, prices, amount, accounts, build, as_json=as_json))
    except EngineError as error:
        fail(str(error), as_json=as_json)


async def _serve(
    port: int,
    prices: str,
    balance: Decimal,
    accounts: int,
    build: Callable[["PriceSource | None"], "PaperHouse"],
    *,
    as_json: bool,
) -> None:
    import signal

    stopped = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stopped.set)
    from operations.wall_clock import WallClock
    from paper.price_sources import open_prices

    async with open_prices(prices, int(WallClock().now().timestamp() * 1000)) as source:
        house = build(source)
        try:
            served = await house.serve(port)
            labels = [TEST_LABEL if count == 1 else f"{TEST_LABEL}{count}" for count in range(1, accounts + 1)]
            places = {name: _place(house, served, name, labels, balance) for name in house.exchanges}
            credentials = _credentials(places)
            told = {"port": served.port, "seed": house.world.seed, "exchanges": places, "credentials": credentials}
            say(told, _served_text(house.world.seed, places, credentials), as_json=as_json)
            await stopped.wait()
            await served.stop()
        finally:
            await house.close()


def _place(house: "PaperHouse", served: "Served", name: str, labels: Sequence[str], balance: Decimal) -> dict[str, Any]:
    base_url = served.base_url(name)
    keys = [(label, house.open_account(name, label, balance)) for label in labels]
    return {
        "base_url": base_url,
        "urls": house.urls(name, base_url),
        "accounts": [
            {"label": label, "api_key": key.api_key, "secret": key.secret, "passphrase": key.passphrase}
            for label, key in keys
        ],
    }


def _credentials(places: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The content of credentials.json for an engine that trades on what is served; further accounts by their label."""
    from config.schemas.credentials import WITH_PASSPHRASE

    content: dict[str, Any] = {}
    further = []
    for exchange, place in places.items():
        for key in place["accounts"]:
            section = {
                "mode": "sandbox",
                "urls": {"base": place["base_url"]},
                "api_key": key["api_key"],
                "api_secret": key["secret"],
            }
            if exchange in WITH_PASSPHRASE:
                section["api_passphrase"] = key["passphrase"]
            if exchange in content:
                further.append({"exchange": exchange, "label": key["label"], **section})
            else:
                content[exchange] = section
    return {**content, "accounts": further} if further else content


def _served_text(
    seed: int, places: Mapping[str, Mapping[str, Any]], credentials: Mapping[str, Mapping[str, Any]]
) -> str:
    lines = [f"Paper exchanges on loopback, seed {seed}. Nothing here is real. Ctrl-C stops them."]
    for name, place in places.items():
        lines += ["", f"[bold]{name}[/bold]  {place['base_url']}", f"  urls {json.dumps(place['urls'])}"]
        for key in place["accounts"]:
            secrets = f"key {key['api_key']}  secret {key['secret']}  passphrase {key['passphrase']}"
            lines.append(f"  {key['label']}  {secrets}")
    lines += ["", "credentials.json of an engine that trades there:", "", json.dumps(credentials, indent=2)]
    return "\n".join(lines)


def number(text: str, hint: str) -> Decimal:
    """An option's text as a finite decimal; anything else is wrong usage."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise typer.BadParameter(f"{text!r} is not a number", param_hint=hint) from None
    if not value.is_finite():
        raise typer.BadParameter(f"{text!r} is not finite", param_hint=hint)
    return value


def say(content: object, text: str, *, as_json: bool) -> None:
    """Show the content as one line of JSON, or the text."""
    if as_json:
        typer.echo(json.dumps(content))
        return
    from rich.console import Console

    Console(highlight=False, soft_wrap=True).print(text)


def fail(text: str, *, as_json: bool) -> NoReturn:
    """Say what failed and leave with exit code 1."""
    if as_json:
        typer.echo(json.dumps({"error": text}))
    else:
        typer.echo(text, err=True)
    raise typer.Exit(FAILED)
