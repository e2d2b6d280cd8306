"""`./engine paper`: the paper exchanges, served alone, and what an operator does to paper accounts."""

import asyncio
import json
from typing import TYPE_CHECKING, Annotated

import typer

from commands.paper_serve import Json, fail, number, say, serve
from commands.paper_sn8 import sn8

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from paper.operator_requests import HouseRequest
    from paper.prices import PriceSource

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Paper exchanges and paper accounts: nothing real.")
app.command("serve")(serve)
app.command("sn8")(sn8)


@app.command()
def deposit(
    account: Annotated[str, typer.Argument(help="exchange or exchange::label.")],
    amount: Annotated[str, typer.Argument(help="USDT; negative withdraws (write -- before it).")],
    as_json: Json = False,
) -> None:
    """Add USDT to a paper account.

    Examples:

      ./engine paper deposit bybit 5000

      ./engine paper deposit kucoin::second -- -100
    """
    from paper.operator_requests import Deposit

    _ask(Deposit(_account(account), number(amount, "AMOUNT")), as_json=as_json)


@app.command()
def reset(
    account: Annotated[str, typer.Argument(help="exchange or exchange::label.")],
    balance: Annotated[str, typer.Option(help="USDT it begins with.")] = "10000",
    as_json: Json = False,
) -> None:
    """Let a paper account begin again: no positions, orders or settings, the same keys.

    Examples:

      ./engine paper reset bybit

      ./engine paper reset mexc::second --balance 250
    """
    from paper.operator_requests import Reset

    _ask(Reset(_account(account), number(balance, "--balance")), as_json=as_json)


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
        _ask(MovePrice(coin, pin=value if pin else None, factor=None if pin else value), as_json=as_json)
    elif release:
        _ask(MovePrice(release), as_json=as_json)
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
    _ask(SetMarketState(exchange, symbol, MarketState(state)), as_json=as_json)


@app.command()
def fault(
    kind: Annotated[str, typer.Argument(help="What goes wrong; without it the kinds are listed.")] = "",
    exchange: Annotated[str, typer.Option(help="Only there.")] = "",
    account: Annotated[str, typer.Option(help="Only for the account of this label.")] = "",
    endpoint: Annotated[str, typer.Option(help="Only there: create_order, positions, balance, ...")] = "",
    symbol: Annotated[str, typer.Option(help="Only about it, as the exchange writes it.")] = "",
    count: Annotated[int, typer.Option(min=0, help="How many requests it meets; 0: all.")] = 1,
    skip: Annotated[int, typer.Option(min=0, help="How many pass first.")] = 0,
    probability: Annotated[float, typer.Option(min=0.0, max=1.0, help="Chance for each.")] = 1.0,
    seconds: Annotated[float, typer.Option(help="Latency, lateness, lag or skew.")] = 0.0,
    share: Annotated[str, typer.Option(help="For partial_fill and short_list: what remains, 0..1.")] = "0.5",
    quantity: Annotated[str, typer.Option(help="For foreign_trade: signed, in the exchange's unit.")] = "0",
    status: Annotated[int, typer.Option(help="For server_error, html_page and rate_limited: HTTP status.")] = 0,
    reason: Annotated[str, typer.Option(help="For refused and rejected_later: why, such as insufficient_margin.")] = "",
    code: Annotated[str, typer.Option(help="For refused: the exchange's own code.")] = "",
    field: Annotated[str, typer.Option(help="For wrong_field and missing_field: which.")] = "",
    value: Annotated[str, typer.Option(help="For wrong_field: the value put there.")] = "",
    clear: Annotated[bool, typer.Option("--clear", help="Heal the world.")] = False,
    as_json: Json = False,
) -> None:
    """Let something go wrong on the paper exchanges.

    Examples:

      ./engine paper fault

      ./engine paper fault answer_lost --exchange bybit --endpoint create_order

      ./engine paper fault latency --seconds 2 --count 0

      ./engine paper fault --clear
    """
    from core.model.failures import InvalidInput
    from paper.faults import Fault, FaultKind
    from paper.operator_requests import AddFault, ClearFaults

    if clear:
        _ask(ClearFaults(), as_json=as_json)
    elif not kind:
        say({"kinds": list(FaultKind)}, ", ".join(FaultKind), as_json=as_json)
    elif kind not in set(FaultKind):
        raise typer.BadParameter(f"one of {', '.join(FaultKind)}", param_hint="KIND")
    else:
        try:
            wanted = Fault(
                kind=FaultKind(kind),
                exchange=exchange,
                account=account,
                endpoint=endpoint,
                symbol=symbol,
                count=count or None,
                skip=skip,
                probability=probability,
                seconds=seconds,
                status=status,
                reason=reason,
                code=code,
                field=field,
                value=value,
                share=number(share, "--share"),
                quantity=number(quantity, "--quantity"),
            )
        except InvalidInput as error:
            raise typer.BadParameter(str(error)) from error
        _ask(AddFault(wanted), as_json=as_json)


def _ask(request: "HouseRequest", *, as_json: bool) -> None:
    """Leave the request; if no process keeps the accounts, apply it here and now."""
    from config.home import find_home
    from core.model.failures import EngineError
    from operations.wall_clock import WallClock
    from paper.house import PaperHouse, requests_folder
    from paper.operator_requests import write_request
    from paper.storage import AccountsInUse

    async def apply() -> tuple[bool, str]:
        async with _engine_prices() as source:
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
    if not is_done:
        fail(text, as_json=as_json)
    say({"done": text}, text, as_json=as_json)


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
    async with _engine_prices() as source:
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


def _engine_prices() -> "AbstractAsyncContextManager[PriceSource | None]":
    """Prices from where the engine's paper accounts have theirs; others would fill and liquidate what nobody saw."""
    from config.engine_settings_file import EngineSettingsFile
    from config.home import find_home
    from operations.wall_clock import WallClock
    from paper.price_sources import open_prices

    choice = EngineSettingsFile(find_home()).load().paper.prices
    return open_prices(choice, int(WallClock().now().timestamp() * 1000))


def _account(text: str) -> str:
    from core.model.failures import InvalidInput
    from core.model.identity import AccountId

    try:
        return str(AccountId.parse(text))
    except InvalidInput as error:
        raise typer.BadParameter(str(error), param_hint="ACCOUNT") from error
