"""What the operator asks of the paper house from another process: one file a request, applied once, in order."""

from __future__ import annotations

import os
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from core.model.failures import InvalidInput, StorageFailure
from core.model.identity import AccountId
from paper.effects import MarketState
from paper.faults import Fault
from paper.refusals import Refused

if TYPE_CHECKING:
    from paper.house import PaperHouse


@dataclass(frozen=True, slots=True)
class Deposit:
    """Add USDT to an account; negative withdraws."""

    account: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Reset:
    """Forget an account's positions, orders and settings; it begins again with the balance, under the same keys."""

    account: str
    balance: Decimal


@dataclass(frozen=True, slots=True)
class ChangeKeys:
    """Give an account other keys; the ones before are refused from then on."""

    account: str


@dataclass(frozen=True, slots=True)
class MovePrice:
    """Pin a coin at a price, multiply its price by a factor, or (neither) release it."""

    coin: str
    pin: Decimal | None = None
    factor: Decimal | None = None


@dataclass(frozen=True, slots=True)
class SetMarketState:
    """Halt, delist or resume a market, named as the exchange writes it."""

    exchange: str
    symbol: str
    state: MarketState


@dataclass(frozen=True, slots=True)
class AddFault:
    """Put a fault in force."""

    fault: Fault


@dataclass(frozen=True, slots=True)
class ClearFaults:
    """Heal the world."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a request, in words."""

    text: str
    is_done: bool


HouseRequest = Deposit | Reset | ChangeKeys | MovePrice | SetMarketState | AddFault | ClearFaults
_KINDS: dict[str, type[HouseRequest]] = {
    "deposit": Deposit,
    "reset": Reset,
    "change_keys": ChangeKeys,
    "move_price": MovePrice,
    "set_market_state": SetMarketState,
    "add_fault": AddFault,
    "clear_faults": ClearFaults,
}


def write_request(folder: Path, request: HouseRequest) -> Path:
    """Leave a request for the house; it appears whole, after all earlier ones.

    Raises:
        StorageFailure: If it cannot be written.
    """
    kind = next(name for name, made in _KINDS.items() if isinstance(request, made))
    content = msgspec.json.encode({"kind": kind, "request": request})
    try:
        folder.mkdir(parents=True, exist_ok=True)
        number = max((int(path.stem) for path in folder.glob("*.json") if path.stem.isdigit()), default=0) + 1
        path = folder / f"{number:012}.json"
        partial = folder / f".{number:012}.{os.getpid()}"
        partial.write_bytes(content)
        os.link(partial, path)
        partial.unlink()
    except OSError as error:
        raise StorageFailure(f"{folder}: the request cannot be written: {error.strerror}") from error
    return path


def apply_requests(house: PaperHouse, folder: Path) -> list[Outcome]:
    """Apply what waits, each once."""
    if not folder.is_dir():
        return []
    told: list[Outcome] = []
    for path in sorted(folder.glob("*.json")):
        try:
            told.append(Outcome(_apply(house, _read(path)), is_done=True))
        except (InvalidInput, Refused, msgspec.MsgspecError) as error:
            told.append(Outcome(f"not done: {error}", is_done=False))
        path.unlink()
    return told


def _read(path: Path) -> HouseRequest:
    content = msgspec.json.decode(path.read_bytes())
    kind = _KINDS.get(content.get("kind", "")) if isinstance(content, dict) else None
    if kind is None:
        raise InvalidInput(f"{path.name}: not a request")
    request: HouseRequest = msgspec.convert(content["request"], kind, strict=False)
    return request


def _apply(house: PaperHouse, request: HouseRequest) -> str:
    match request:
        case Deposit() | Reset() | ChangeKeys():
            return _apply_to_account(house, AccountId.parse(request.account), request)
        case MovePrice(coin, pin, factor):
            house.move_price(coin, pin=pin, factor=factor)
            return f"{coin}: {f'held at {pin}' if pin else f'times {factor}' if factor else 'released'}"
        case SetMarketState(exchange, symbol, state):
            house.set_market_state(exchange, symbol, state)
            return f"{exchange} {symbol}: {state}"
        case AddFault(fault):
            return f"fault {house.faults.add(fault)}: {fault.kind}"
        case ClearFaults():
            house.faults.clear()
            return "no fault is in force"


def _apply_to_account(house: PaperHouse, who: AccountId, request: Deposit | Reset | ChangeKeys) -> str:
    match request:
        case Deposit(_, amount):
            house.deposit(who.exchange, who.label, amount)
            return f"{who}: {amount} USDT added"
        case Reset(_, balance):
            house.reset(who.exchange, who.label, balance)
            return f"{who}: begins again with {balance} USDT"
        case ChangeKeys():
            house.change_keys(who.exchange, who.label)
            return f"{who}: new keys; the ones before are refused"
