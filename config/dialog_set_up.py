"""The questions of a first set-up: paper or live, exchanges, sources, pairs, weights, a key for the webhook."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType

from config.dialog import Console, choice, prompt_line, two_decimals
from config.dialog_accounts import EXCHANGE_NAMES, ask_bittensor, ask_keys, check_document, with_account
from config.dialog_mappings import SourceEntries, read_unified
from config.dialog_weights import Pair, read_leverage, read_weight
from config.schemas.credentials import (
    DOCUMENTED_EXCHANGES,
    WITH_PASSPHRASE,
    AccountMode,
    CredentialsDocument,
    ExchangeSection,
)
from core.model.failures import InvalidConfig, InvalidInput
from core.model.identity import AccountId, SourceName, Symbol
from core.model.money import ONE, ZERO, plain

TRADINGVIEW, BITTENSOR = SourceName("tradingview"), SourceName("bittensor")
PROPOSED_PAIRS = (Symbol("BTCUSDT"), Symbol("ETHUSDT"))
PROPOSED_WEIGHTS: Mapping[SourceName, Decimal] = MappingProxyType(
    {TRADINGVIEW: Decimal("0.10"), BITTENSOR: Decimal("0.15")}
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a set-up is to bring about, and what Enter answers to its questions.

    Attributes:
        is_live: Whether the accounts hold keys, else made-up exchanges without money.
        exchanges: Of the documented ones.
        sources: Which of TradingView and SN8 are followed.
        pairs: Unified symbols to trade; those that have weights already keep them.
        leverage: Of the pairs that are new, 1..20.
        weights: Of the pairs that are new, by source; they sum to at most 1.
        makes_key: Whether a key for the webhook is made.
    """

    is_live: bool = False
    exchanges: tuple[str, ...] = DOCUMENTED_EXCHANGES
    sources: tuple[SourceName, ...] = (TRADINGVIEW,)
    pairs: tuple[Symbol, ...] = PROPOSED_PAIRS
    leverage: Decimal = ONE
    weights: Mapping[SourceName, Decimal] = field(default_factory=lambda: PROPOSED_WEIGHTS)
    makes_key: bool = True


def propose(
    document: CredentialsDocument,
    sources: Mapping[SourceName, SourceEntries],
    pairs: Iterable[Symbol],
    *,
    has_key: bool,
) -> Plan:
    """What the files already say, and the README's example for what they do not."""
    configured = [account.exchange for account, _section in document.configured()]
    mapped = [name for name in (TRADINGVIEW, BITTENSOR) if sources[name].entries]
    followed = [name for name in (TRADINGVIEW, BITTENSOR) if name in mapped] or [TRADINGVIEW]
    if document.bittensor_sn8.api_key.get_secret_value() and BITTENSOR not in followed:
        followed.append(BITTENSOR)
    return Plan(
        is_live=any(section.mode is AccountMode.LIVE for _account, section in document.configured()),
        exchanges=tuple(name for name in DOCUMENTED_EXCHANGES if name in configured) or DOCUMENTED_EXCHANGES,
        sources=tuple(followed),
        pairs=tuple(pairs) or PROPOSED_PAIRS,
        makes_key=not has_key,
    )


def ask_plan(console: Console, plan: Plan, weighted: Iterable[Symbol]) -> Plan:
    """Every question but those for keys; Enter takes what the plan says."""
    console.say("Paper or live")
    console.say("Paper: made-up exchanges, no key, no money. Live: your accounts; no order before ./engine arm.")
    is_live = _ask_yes(console, "Live accounts", proposed=plan.is_live)
    console.say("\nExchanges")
    exchanges = console.ask(
        prompt_line("Exchanges, separated by commas", f"press Enter for {', '.join(plan.exchanges)}"),
        lambda answer: read_exchanges(answer) or plan.exchanges,
    )
    console.say("\nSignal sources")
    wanted = [
        (TRADINGVIEW, "Follow the alerts of TradingView"),
        (BITTENSOR, "Follow the signals of Bittensor SN8"),
    ]
    sources = tuple(name for name, question in wanted if _ask_yes(console, question, proposed=name in plan.sources))
    console.say("\nPairs")
    pairs = console.ask(
        prompt_line("Pairs to trade, separated by commas", f"press Enter for {', '.join(plan.pairs)}"),
        lambda answer: read_pairs(answer) or plan.pairs,
    )
    plan = replace(plan, is_live=is_live, exchanges=exchanges, sources=sources, pairs=pairs)
    if sources and set(pairs) - set(weighted):
        console.say("\nLeverage and weights of the new pairs")
        plan = _ask_weights(console, plan)
    if TRADINGVIEW in sources:
        console.say("\nA key for the webhook, so that nobody else can send alerts; live accounts need one")
        plan = replace(plan, makes_key=_ask_yes(console, "Make a key now", proposed=plan.makes_key))
    else:
        plan = replace(plan, makes_key=False)
    return plan


def set_up_accounts(
    console: Console, document: CredentialsDocument, plan: Plan, path: Path, *, is_asked: bool
) -> CredentialsDocument:
    """The accounts of the plan; keys that are there already are never dropped.

    Raises:
        InvalidInput: If a live account has no key and nobody can be asked.
        InvalidConfig: If the accounts break a rule of the file.
    """
    if is_asked and BITTENSOR in plan.sources:
        document = document.model_copy(update={"bittensor_sn8": ask_bittensor(console, document.bittensor_sn8)})
    if not plan.is_live:
        return check_document(_with_paper(console, document, plan), path)
    for exchange in plan.exchanges:
        while is_asked:
            section = document.sections()[exchange]
            asked = ask_keys(console, EXCHANGE_NAMES[exchange], section, passphrase=exchange in WITH_PASSPHRASE)
            try:
                document = check_document(with_account(document, AccountId(exchange), asked), path)
                break
            except InvalidConfig as error:
                console.say(f"{error.problem}. Please enter it again.")
        if not document.sections()[exchange].is_configured:
            console.say(f"{EXCHANGE_NAMES[exchange]} is left out: it has no key.")
    if not any(True for _ in document.configured()):
        raise InvalidInput("live accounts need keys: enter them with python3 config/credentials.py")
    return document


def set_up_mappings(sources: Mapping[SourceName, SourceEntries], plan: Plan) -> None:
    """Map each pair for each source that is followed, as the source names it, unless something leads to it already."""
    for source in plan.sources:
        mapped = {entry.unified for entry in sources[source].entries}
        for pair in plan.pairs:
            name = usual_name(source, pair)
            if pair not in mapped and sources[source].find(name) is None:
                sources[source].assign(name, pair)


def set_up_weights(pairs: dict[Symbol, Pair], plan: Plan) -> None:
    """Give each pair that is new its leverage and weights."""
    for symbol in plan.pairs:
        if symbol in pairs:
            continue
        pair = Pair(symbol)
        pair.leverage = plan.leverage
        pair.weights = {source: plan.weights.get(source, ZERO) for source in plan.sources}
        if pair.total > ONE:
            raise InvalidInput(f"the weights sum to {two_decimals(pair.total)}, more than 1.00")
        pairs[symbol] = pair


def usual_name(source: SourceName, pair: Symbol) -> str:
    """What a source calls a pair: TradingView BTCUSDT, SN8 BTCUSD."""
    return pair[:-1] if source == BITTENSOR and pair.endswith("USDT") else pair


def read_pairs(answer: str) -> tuple[Symbol, ...]:
    """Unified symbols, separated by commas or spaces, each once.

    Raises:
        InvalidInput: If one is none.
    """
    return tuple(dict.fromkeys(read_unified(text) for text in answer.replace(",", " ").split()))


def _ask_weights(console: Console, plan: Plan) -> Plan:
    leverage = console.ask(
        prompt_line("Leverage from 1 to 20", f"press Enter for {plain(plan.leverage)}"),
        lambda answer: read_leverage(answer) if answer else plan.leverage,
    )
    remaining, weights = ONE, {}
    for source in plan.sources:
        weights[source] = _ask_weight(console, source, min(plan.weights.get(source, ZERO), remaining), remaining)
        remaining -= weights[source]
    return replace(plan, leverage=leverage, weights=weights)


def _ask_weight(console: Console, source: SourceName, proposed: Decimal, remaining: Decimal) -> Decimal:
    notes = (f"remaining weight: {two_decimals(remaining)}", f"press Enter for {two_decimals(proposed)}")

    def parse(answer: str) -> Decimal:
        weight = read_weight(answer) if answer else proposed
        if weight > remaining:
            raise InvalidInput(f"Only {two_decimals(remaining)} remains.")
        return weight

    return console.ask(prompt_line(f"Share of the account that {source} may use for each", *notes), parse)


def _ask_yes(console: Console, question: str, *, proposed: bool) -> bool:
    letters = "yn" if proposed else "ny"
    return console.ask(f"{question} (y/n, press Enter for {letters[0]})? ", choice(letters)) == "y"


def read_exchanges(answer: str) -> tuple[str, ...]:
    """Documented exchanges, separated by commas or spaces, in the documented order.

    Raises:
        InvalidInput: If one is none.
    """
    names = answer.lower().replace(",", " ").split()
    unknown = [name for name in names if name not in DOCUMENTED_EXCHANGES]
    if unknown:
        others = "others later with python3 config/credentials.py --more"
        raise InvalidInput(f"{unknown[0]} is none of {', '.join(DOCUMENTED_EXCHANGES)}; {others}.")
    return tuple(name for name in DOCUMENTED_EXCHANGES if name in names)


def _with_paper(console: Console, document: CredentialsDocument, plan: Plan) -> CredentialsDocument:
    """Paper accounts where there are no others; without any section the engine has all four of them by itself."""
    configured = dict(document.configured())
    others = [str(account) for account, section in configured.items() if section.mode is not AccountMode.PAPER]
    if others:
        remedy = "python3 config/credentials.py --set NAME= removes one."
        console.say(f"The keys of {', '.join(others)} stay, and those accounts are not paper. {remedy}")
        return document
    if plan.exchanges == DOCUMENTED_EXCHANGES and not configured:
        return document
    for exchange in DOCUMENTED_EXCHANGES:
        kept = document.sections()[exchange].model_copy(update={"mode": AccountMode.PAPER})
        section = kept if exchange in plan.exchanges else ExchangeSection()
        document = with_account(document, AccountId(exchange), section)
    return document
