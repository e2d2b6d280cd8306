"""`./engine paper fault`: let something go wrong on the paper exchanges, and see what is in force."""

from dataclasses import fields
from typing import TYPE_CHECKING, Annotated

import typer

from commands.paper_requests import ask
from commands.paper_serve import Json, fail, number, say

if TYPE_CHECKING:
    from paper.faults import Armed


def fault(
    kind: Annotated[
        str, typer.Argument(help="What goes wrong; without it the kinds and what is in force are listed.")
    ] = "",
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
    from paper.house import PROTOCOLS
    from paper.operator_requests import AddFault, ClearFaults

    if clear:
        ask(ClearFaults(), as_json=as_json)
    elif not kind:
        _show(as_json=as_json)
    elif exchange and exchange not in PROTOCOLS:
        raise typer.BadParameter(f"one of {', '.join(PROTOCOLS)}", param_hint="--exchange")
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
        ask(AddFault(wanted), as_json=as_json)


def _show(*, as_json: bool) -> None:
    import msgspec

    from paper.faults import FaultKind

    armed = _in_force()
    lines = [f"{one.number}: {_described(one)}" for one in armed] or ["none"]
    text = "\n".join(("kinds: " + ", ".join(FaultKind), "in force:", *(f"  {line}" for line in lines)))
    say({"kinds": list(FaultKind), "in_force": msgspec.to_builtins(armed)}, text, as_json=as_json)


def _in_force() -> "list[Armed]":
    """What is kept of the engine's paper exchanges, also while it runs."""
    from config.home import find_home
    from core.model.failures import EngineError
    from paper.faults import read_armed
    from paper.house import accounts_file
    from paper.storage import read_meta

    try:
        return read_armed(read_meta(accounts_file(find_home().paper)).get("faults", "[]"))
    except EngineError as error:
        fail(str(error), as_json=False)


def _described(armed: "Armed") -> str:
    """Its kind, what differs from the plain fault of that kind, and how often it still happens."""
    from paper.faults import Fault

    fault, plain = armed.fault, Fault(armed.fault.kind)
    names = [field.name for field in fields(Fault) if field.name not in ("kind", "count", "skip")]
    values = {name: getattr(fault, name) for name in names if getattr(fault, name) != getattr(plain, name)}
    parts = [f"{name} {value}" for name, value in values.items() if value != ""]
    skipped = [f"after {armed.to_skip} more"] if armed.to_skip else []
    return ", ".join((str(fault.kind), *parts, *skipped, "always" if armed.left is None else f"{armed.left} times"))
