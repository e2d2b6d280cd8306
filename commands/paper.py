"""`./engine paper`: the paper exchanges, served alone, and what an operator does to paper accounts."""

import asyncio
import json
from typing import Annotated

import typer

from commands.paper_fault import fault
from commands.paper_requests import ask, ask_and_wait, engine_prices, existing_account, kept_keys
from commands.paper_serve import Json, fail, number, say, serve
from commands.paper_sn8 import sn8

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Paper exchanges and paper accounts: nothing real.")
app.command("serve")(serve)
app.command("sn8")(sn8)
app.command("fault")(fault)

Account = Annotated[str, typer.Argument(help="exchange or exchange::label.")]


@app.command()
def deposit(
    account: Account,
    amount: Annotated[str, typer.Argument(help="USDT; negative withdraws (write -- before it).")],
    as_json: Json = False,
) -> None:
    """Add USDT to a paper account.

    Examples:

      ./engine paper deposit bybit 5000

      ./engine paper deposit kucoin::second -- -100
    """
    from paper.operator_requests import Deposit

    ask(Deposit(existing_account(account), number(amount, "AMOUNT")), as_json=as_json)


@app.command()
def reset(
    account: Account,
    balance: Annotated[str, typer.Option(help="USDT it begins with.")] = "10000",
    as_json: Json = False,
) -> None:
    """Let a paper account begin again: no positions, orders or settings, the same keys.

    Examples:

      ./engine paper reset bybit

      ./engine paper reset mexc::second --balance 250
    """
    from paper.operator_requests import Reset

    ask(Reset(existing_account(account), number(balance, "--balance")), as_json=as_json)


@app.command()
def keys(
    account: Account,
    renew: Annotated[bool, typer.Option("--renew", help="Make new ones; the ones before are refused.")] = False,
    as_json: Json = False,
) -> None:
    """Show a paper account's keys, or make new ones, as its owner would at the exchange.

    An engine that trades with the keys before is refused from then on, and takes the new ones with its restart.

    Examples:

      ./engine paper keys bybit

      ./engine paper keys kucoin::test --renew
    """
    from dataclasses import asdict

    from core.model.identity import AccountId
    from paper.operator_requests import ChangeKeys

    name = existing_account(account)
    if renew:
        ask_and_wait(ChangeKeys(name), as_json=as_json)
    found = asdict(kept_keys()[AccountId.parse(name)])
    say(found, "\n".join(f"{part:10} {text}" for part, text in found.items()), as_json=as_json)


@app.command()
def prices(
    pin: Annotated[str, typer.Option(help="COIN=PRICE: hold a coin at a price.")] = "",
    shift: Annotated[str, typer.Option(help="COIN=FACTOR: multiply a coin's price.")] = "",
    release: Annotated[str, typer.Option(help="COIN: let the walk move it again.")] = "",
    as_json: Json = False,
) -> None:
    """Show the paper world's prices, or move one.

    Examples:

      ./engine paper prices

      ./engine paper prices --pin BTC=50000

      ./engine paper prices --shift ETH=0.8

      ./engine paper prices --release BTC
    """
    from paper.operator_requests import MovePrice

    if sum(map(bool, (pin, shift, release))) > 1:
        raise typer.BadParameter("one of --pin, --shift, --release")
    if pin or shift:
        coin, _, text = (pin or shift).partition("=")
        value = number(text, "--pin" if pin else "--shift")
        ask(MovePrice(coin, pin=value if pin else None, factor=None if pin else value), as_json=as_json)
    elif release:
        ask(MovePrice(release), as_json=as_json)
    else:
        _show_prices(as_json=as_json)


@app.command()
def market(
    exchange: Annotated[str, typer.Argument(help="bybit, blofin, kucoin or mexc.")],
    symbol: Annotated[str, typer.Argument(help="As the exchange writes it: BTCUSDT, BTC-USDT, XBTUSDTM, BTC_USDT.")],
    state: Annotated[str, typer.Argument(help="halted, delisted (positions are settled at the mark), or live again.")],
    as_json: Json = False,
) -> None:
    """Halt or delist a market of a paper exchange, or let it trade again.

    Examples:

      ./engine paper market bybit DOGEUSDT halted

      ./engine paper market mexc TAO_USDT delisted

      ./engine paper market bybit DOGEUSDT live
    """
    from paper.effects import MarketState
    from paper.operator_requests import SetMarketState

    if state not in set(MarketState):
        raise typer.BadParameter(f"one of {', '.join(MarketState)}", param_hint="STATE")
    ask(SetMarketState(exchange, symbol, MarketState(state)), as_json=as_json)


def _show_prices(*, as_json: bool) -> None:
    from core.model.failures import EngineError

    try:
        seed, shown = asyncio.run(_read_prices())
    except EngineError as error:
        fail(str(error), as_json=as_json)
    text = "\n".join(f"{coin:8}" + "  ".join(f"{k} {v}" for k, v in row.items()) for coin, row in shown.items())
    say({"seed": seed, "prices": shown}, text, as_json=as_json)


async def _read_prices() -> tuple[int, dict[str, dict[str, str]]]:
    """The world's seed, and the prices that the engine's paper accounts see now, by coin and exchange."""
    from config.home import find_home
    from core.model.money import plain
    from operations.wall_clock import WallClock
    from paper.house import PROTOCOLS, accounts_file
    from paper.markets import COINS, markets_of
    from paper.storage import read_meta
    from paper.world import World

    kept = read_meta(accounts_file(find_home().paper))
    async with engine_prices() as source:
        world = World(WallClock(), int(kept.get("seed", "1")), COINS, source)
        world.intervene(json.loads(kept.get("interventions", "{}")))
        now_ms = world.now_ms()
        return world.seed, {
            coin.name: {
                "index": plain(world.index(coin.name, now_ms)),
                **{
                    name: plain(world.quote(name, market, now_ms).last)
                    for name in PROTOCOLS
                    for market in markets_of(name).values()
                    if market.coin == coin.name
                },
            }
            for coin in world.coins
        }
