"""What happens to a simulated world, as plain values: a schedule of them can be printed, replayed and cut short."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from core.model.standing import Verb
from paper.effects import MarketState
from paper.faults import Fault
from paper.sn8_faults import Fault as Sn8Fault
from simulation.full_disk import Full
from simulation.services import Service
from simulation.states import State


@dataclass(frozen=True, slots=True)
class Alert:
    """TradingView sends an alert for a depth."""

    symbol: str
    depth: Decimal


@dataclass(frozen=True, slots=True)
class Resend:
    """TradingView sends the symbol's last alert once more, byte for byte."""

    symbol: str


@dataclass(frozen=True, slots=True)
class Break:
    """Something goes wrong on the exchanges."""

    fault: Fault


@dataclass(frozen=True, slots=True)
class AimFault:
    """Something goes wrong with the first fitting request that the fault's exchange gets from an account in a state."""

    fault: Fault
    state: State


@dataclass(frozen=True, slots=True)
class Heal:
    """Nothing goes wrong on the exchanges any more."""


@dataclass(frozen=True, slots=True)
class ForeignTrade:
    """Somebody else trades a share of what the account holds (negative: against it)."""

    exchange: str
    symbol: str
    share: Decimal


@dataclass(frozen=True, slots=True)
class Liquidate:
    """The exchange liquidates what the account holds of the symbol."""

    exchange: str
    symbol: str


@dataclass(frozen=True, slots=True)
class Market:
    """A market halts or trades again."""

    exchange: str
    symbol: str
    state: MarketState


@dataclass(frozen=True, slots=True)
class Shock:
    """A price jumps by a factor."""

    symbol: str
    factor: Decimal


@dataclass(frozen=True, slots=True)
class EditWeights:
    """The operator edits the weights: TradingView's weight per symbol; a symbol left out is removed."""

    weights: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class SpoilWeights:
    """An edit that is not valid."""


@dataclass(frozen=True, slots=True)
class EditMapping:
    """The operator edits the mapping: TradingView's symbols to unified ones; one left out is unmapped."""

    mapping: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SpoilMapping:
    """An edit of the mapping that is not valid; it must be refused."""


@dataclass(frozen=True, slots=True)
class FillDisk:
    """No write finds room any more: of the journal, or of anything."""

    full: Full


@dataclass(frozen=True, slots=True)
class FreeDisk:
    """There is room again, and the operator starts everything anew."""


@dataclass(frozen=True, slots=True)
class StopService:
    """The endpoint or the poller stops; half of them as asked, half in mid-step."""

    service: Service


@dataclass(frozen=True, slots=True)
class StartService:
    """The endpoint or the poller starts again."""

    service: Service


@dataclass(frozen=True, slots=True)
class RunStranger:
    """Another installation trades an account with the same keys for a while."""

    exchange: str
    symbol: str
    depth: Decimal
    seconds: float


@dataclass(frozen=True, slots=True)
class ExpectTold:
    """The engine must have told this by now."""

    event: str


@dataclass(frozen=True, slots=True)
class DisableAccount:
    """The operator disables an account; an empty name means the first one."""

    exchange: str


@dataclass(frozen=True, slots=True)
class Operate:
    """The operator commands something; empty names mean all."""

    verb: Verb
    exchange: str = ""
    symbol: str = ""


@dataclass(frozen=True, slots=True)
class Restart:
    """The engine is stopped and started again.

    Attributes:
        is_crash: It dies in mid-step, and everything but the disk is forgotten; half of the crashes are power cuts,
            which take endpoint and poller along and what was not synced.
    """

    is_crash: bool


@dataclass(frozen=True, slots=True)
class StepClock:
    """The operating system corrects the wall clock."""

    seconds: float


@dataclass(frozen=True, slots=True)
class BreakNetwork:
    """The next answers of the SN8 server are wrong."""

    fault: Sn8Fault
    answers: int


@dataclass(frozen=True, slots=True)
class ResendEarlier:
    """TradingView sends the alert before the symbol's last one once more."""

    symbol: str


@dataclass(frozen=True, slots=True)
class StartSecondEngine:
    """Somebody starts an engine on the same data; it must refuse."""


@dataclass(frozen=True, slots=True)
class BackUpJournal:
    """The journal is copied, as a backup does."""


@dataclass(frozen=True, slots=True)
class RestoreJournal:
    """The engine is stopped, the copied journal takes the place of the newer one, and the engine starts again."""


@dataclass(frozen=True, slots=True)
class RepeatSymbol:
    """An edit that names the first symbol twice; it must be refused."""


@dataclass(frozen=True, slots=True)
class ExpectFlat:
    """No exchange may hold the symbol now."""

    symbol: str


@dataclass(frozen=True, slots=True)
class ExpectHeld:
    """Every exchange must hold some of the symbol now.

    Attributes:
        symbol: The unified symbol.
        is_untouched: And nothing of it may have been traded since it was last looked at so.
    """

    symbol: str
    is_untouched: bool = False


Action = (
    Alert
    | Resend
    | ResendEarlier
    | StartSecondEngine
    | BackUpJournal
    | RestoreJournal
    | RepeatSymbol
    | ExpectFlat
    | ExpectHeld
    | Break
    | AimFault
    | Heal
    | ForeignTrade
    | Liquidate
    | Market
    | Shock
    | EditWeights
    | SpoilWeights
    | EditMapping
    | SpoilMapping
    | FillDisk
    | FreeDisk
    | StopService
    | StartService
    | RunStranger
    | ExpectTold
    | DisableAccount
    | Operate
    | Restart
    | StepClock
    | BreakNetwork
)


@dataclass(frozen=True, slots=True)
class Step:
    """One action and when.

    Attributes:
        at_seconds: Since the start of the world.
        action: What happens.
    """

    at_seconds: float
    action: Action
