"""One session of `./engine init`: read what is there, ask, show, write once."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from commands.init_alert import ALERT_ADVICE, alert_message
from config import asset_mapping, credentials, signal_weights
from config.credentials_file import Formatted, format_credentials, parse_credentials, plain_secrets
from config.dialog import Console, FileDraft, choice, interrupts_too_late
from config.dialog_mappings import SourceEntries, read_unified
from config.dialog_options import split_setting
from config.dialog_set_up import (
    BITTENSOR,
    TRADINGVIEW,
    Plan,
    ask_plan,
    propose,
    read_exchanges,
    set_up_accounts,
    set_up_mappings,
    set_up_weights,
)
from config.dialog_weights import Pair, ask_pair, read_leverage, read_weight
from config.files import PRIVATE_MODE, format_json
from config.home import Home
from config.key_providers.provider import Surroundings
from config.schemas.credentials import CredentialsDocument
from config.webhook_keys import WebhookKey, add_key, load_keys, save_keys
from core.model.failures import InvalidConfig, InvalidInput
from core.model.identity import SourceName, Symbol, parse_source
from core.ports.clock import Clock

AUTHOR = "./engine init"
STRATEGY = "tradingview"
"""The strategy whose key is made; further ones get theirs with `./engine webhook keys add`."""

KEPT_KEY = "the key that was shown when it was made"
SERVICES = {
    TRADINGVIEW: "python3 signal_endpoints/tradingview_endpoint.py",
    BITTENSOR: "python3 signal_processors/bittensor_processor.py",
}


@dataclass(frozen=True, slots=True)
class Wishes:
    """What was given by options; None and empty where nothing was."""

    is_live: bool | None = None
    exchanges: tuple[str, ...] = ()
    pairs: tuple[str, ...] = ()
    leverage: str = ""
    weights: tuple[str, ...] = ()
    is_asked: bool = True


@dataclass(slots=True)
class Content:
    """What the files say, and then what they are to say."""

    credentials: CredentialsDocument
    mapping: dict[str, Any]
    weights: list[Any]
    sources: dict[SourceName, SourceEntries]
    pairs: dict[Symbol, Pair]
    mended: frozenset[Symbol]
    keys: tuple[WebhookKey, ...] | None


@dataclass(frozen=True, slots=True)
class Drafts:
    """The files."""

    credentials: FileDraft
    mapping: FileDraft
    weights: FileDraft

    @classmethod
    def of(cls, home: Home) -> "Drafts":
        """Those of one home."""
        return cls(
            FileDraft(home.credentials, PRIVATE_MODE, AUTHOR),
            FileDraft(home.asset_mapping, author=AUTHOR),
            FileDraft(home.signal_weights, author=AUTHOR),
        )


def set_up(
    console: Console,
    home: Home,
    around: Surroundings,
    clock: Clock,
    wishes: Wishes,
    look_at_result: Callable[[], None] = lambda: None,
) -> None:
    """Ask, show, and write everything at the end; then have the result looked at, and say what comes next.

    Args:
        console: Where to ask.
        home: Whose files.
        around: Where the key of the credentials is looked for.
        clock: Gives the webhook key its date.
        wishes: What was given by options.
        look_at_result: Runs between the writing and the last words.

    Raises:
        EOFError: If the answers end before the questions; nothing is then written.
        core.model.failures.EngineError: If a file or an option breaks its rules.
    """
    drafts = Drafts.of(home)
    content = _read(console, home, around, drafts, mends=wishes.is_asked)
    stored = content.credentials
    plan = propose(stored, content.sources, content.pairs, has_key=content.keys is not None)
    plan = _with_wishes(plan, wishes)
    if wishes.is_asked:
        console.say("A first set-up. Nothing is written before the end; Ctrl-C leaves everything as it is.\n")
        plan = ask_plan(console, plan, content.pairs)
    content.credentials = set_up_accounts(console, stored, plan, home.credentials, is_asked=wishes.is_asked)
    set_up_mappings(content.sources, plan)
    set_up_weights(content.pairs, plan)
    for symbol in sorted(content.mended):
        console.say()
        ask_pair(console, content.pairs[symbol], _sources_of(content, symbol))
    _show(console, content)
    if wishes.is_asked and console.ask("Write all this (y/n, press Enter for y)? ", choice("yn")) == "n":
        raise EOFError
    key = _write(console, home, around, clock, drafts, content, stored, plan)
    with suppress(KeyboardInterrupt):  # the set-up is done by now: only the look at it is cut short
        look_at_result()
    _tell_next(console, plan, key)


def _read(console: Console, home: Home, around: Surroundings, drafts: Drafts, *, mends: bool) -> Content:
    empty: dict[str, Any] = {}
    mapping = drafts.mapping.load(asset_mapping.parse_document, empty)
    weights, mended = _read_weights(console, drafts.weights, mends=mends)
    return Content(
        drafts.credentials.load(lambda text, path: parse_credentials(text, path, around), CredentialsDocument()),
        mapping,
        weights,
        asset_mapping.all_sources(console, home, mapping),
        signal_weights.as_pairs(weights),
        mended,
        load_keys(home),
    )


def _read_weights(console: Console, draft: FileDraft, *, mends: bool) -> tuple[list[Any], frozenset[Symbol]]:
    try:
        return signal_weights.load_document(console, draft, mends=mends)
    except InvalidConfig as error:
        remedy = f"{error.remedy} python3 config/signal_weights.py asks anew for values out of bounds."
        raise InvalidConfig(error.path, error.field, error.value, error.problem, remedy) from error


def _with_wishes(plan: Plan, wishes: Wishes) -> Plan:
    weights = dict(_read_weight_option(option) for option in wishes.weights)
    changes: dict[str, Any] = {
        "is_live": wishes.is_live,
        "exchanges": read_exchanges(" ".join(wishes.exchanges)),
        "pairs": tuple(dict.fromkeys(read_unified(text) for text in wishes.pairs)),
        "leverage": read_leverage(wishes.leverage) if wishes.leverage else None,
        "weights": weights,
        "sources": tuple(weights),
    }
    return replace(plan, **{name: value for name, value in changes.items() if value not in (None, (), {})})


def _read_weight_option(option: str) -> tuple[SourceName, Any]:
    try:
        source, value = split_setting(option)
        return parse_source(source), read_weight(value)
    except InvalidInput as error:
        raise InvalidInput(f"--weight {option}: write SOURCE=WEIGHT, such as tradingview=0.2 ({error})") from None


def _sources_of(content: Content, symbol: Symbol) -> list[SourceName]:
    """The sources that lead to a pair, in the order in which they are asked about."""
    return [
        source for source, mapped in content.sources.items() if symbol in {entry.unified for entry in mapped.entries}
    ]


def _show(console: Console, content: Content) -> None:
    console.say()
    credentials.show_summary(console, content.credentials)
    if not any(True for _ in content.credentials.configured()):
        console.say("No account of your own: the engine trades on four paper exchanges.")
    console.say()
    asset_mapping.show_summary(console, content.sources)
    console.say()
    signal_weights.show_summary(console, content.pairs.values())
    console.say()


def _write(
    console: Console,
    home: Home,
    around: Surroundings,
    clock: Clock,
    drafts: Drafts,
    content: Content,
    stored: CredentialsDocument,
    plan: Plan,
) -> str:
    """Write what changed; the webhook's key or what stands for an older one, empty when none is required."""
    secrets = _format_credentials(around, drafts.credentials, content.credentials, stored)
    mapping = asset_mapping.written_document(content.mapping, content.sources)
    weights = [pair.written() for pair in content.pairs.values()]
    for draft in (drafts.credentials, drafts.mapping, drafts.weights):
        draft.check_unchanged()
    with interrupts_too_late():
        if secrets is None:
            drafts.credentials.restrict()
        else:
            drafts.credentials.save(secrets.content)
            console.say(f"Written: {drafts.credentials.path}, every secret in it encrypted")
        _save(console, drafts.mapping, mapping, content.mapping)
        _save(console, drafts.weights, weights, None if content.mended else content.weights)
        key = _make_key(console, home, clock, content, plan)
    if secrets and secrets.notice:
        console.say(f"\n{secrets.notice}")
    return key


def _make_key(console: Console, home: Home, clock: Clock, content: Content, plan: Plan) -> str:
    if not plan.makes_key or TRADINGVIEW not in plan.sources:
        return "" if content.keys is None else KEPT_KEY
    keys, text = add_key(content.keys or (), STRATEGY, clock.now())
    save_keys(home, keys)
    console.say(f"Written: {home.webhook_keys}")
    return text


def _format_credentials(
    around: Surroundings, draft: FileDraft, document: CredentialsDocument, stored: CredentialsDocument
) -> Formatted | None:
    """The file's new bytes, None when it may stay as it is."""
    is_plain = draft.content is not None and bool(plain_secrets(draft.content, draft.path))
    if document.model_dump() == stored.model_dump() and not is_plain:
        return None
    return format_credentials(document, draft.path, draft.content, around)


def _save(console: Console, draft: FileDraft, document: object, stored: object) -> None:
    if format_json(document) != format_json(stored):
        draft.save(format_json(document))
        console.say(f"Written: {draft.path}")


def _tell_next(console: Console, plan: Plan, key: str) -> None:
    if TRADINGVIEW in plan.sources:
        console.say(
            "\nThe alert's message for TradingView"
            + (", with its key, shown this once:" if key.startswith("tek_") else ":")
        )
        console.say(f"\n{alert_message(key)}\n\n{ALERT_ADVICE}")
    console.say("\nNext, each in its own terminal or as a pm2 service (README):")
    for source in plan.sources:
        console.say(f"  {SERVICES[source]}")
    console.say("  python3 execute_trades.py")
    if plan.is_live and TRADINGVIEW in plan.sources and not key:
        console.say("With live accounts the endpoint does not start without a key: ./engine webhook keys add NAME")
    if plan.is_live:
        console.say("Live accounts send no order yet: see what the engine would do, then ./engine arm.")
    console.say()
