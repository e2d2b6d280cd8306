"""The read model of the whole engine: what it wants, what it holds and why they differ, also while it is down."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from config.accounts import AccountSettings
from config.home import Home
from core.decisions.account_targets import is_over
from core.decisions.judge_source import JudgedSource, SourceUse, StalenessPolicy, judge_source
from core.model.failures import StorageFailure
from core.model.identity import AccountId, SourceName, Symbol
from core.model.ledger import OrderRecord, SymbolLedger
from core.model.outcome import PassReport, SymbolOutcome
from core.model.reading import Known, Reading
from core.model.signal import SourceFrame
from core.model.standing import SetStanding, Standing
from core.model.target import TradingConfig
from operations.engine_lock import running_engine
from operations.journal_file import JournalFile, read_only
from operations.sign_of_life import read_vitals, sign_of_life_age_seconds
from operations.status_model import (
    AccountState,
    EngineStatus,
    HaltState,
    Knowledge,
    OrderState,
    SourceState,
    SymbolState,
)
from operations.status_stages import Facts, make_stages
from operations.views import read_passes

KNOWN_FOR_SECONDS = 150.0
"""A read older than two full checks is stale: true then, maybe not now."""


def gather_status(
    home: Home,
    accounts: Sequence[AccountSettings],
    frames: Mapping[SourceName, Reading[SourceFrame]],
    policy_of: Callable[[SourceName], StalenessPolicy],
    problems: Sequence[str],
    now: datetime,
    config: TradingConfig | None = None,
) -> EngineStatus:
    """Read the journal, the last passes and the given frames; nothing is asked of any exchange.

    Args:
        home: Whose.
        accounts: As configured.
        frames: What was just read of every source with a weight.
        policy_of: Every source's staleness policy.
        problems: What is wrong with the operator's files.
        now: UTC time.
        config: Weights and mappings, None where they cannot be read.
    """
    passes = read_passes(home.last_passes)
    last_good: Mapping[SourceName, SourceFrame] = {}
    halts: Sequence[HaltState] = ()
    ledgers: Sequence[SymbolLedger] = ()
    found = list(problems)
    try:
        with read_only(home.journal) as journal:
            last_good = dict(journal.last_frames())
            ledgers = [ledger for one in accounts for ledger in journal.ledgers(one.account)]
            halts = [_halt(entry) for entry in journal.standings().by_scope.values()]
            states = [_account(one, journal, passes.get(one.account), now) for one in accounts]
    except StorageFailure as error:
        found.append(str(error))
        states = [_account(one, None, passes.get(one.account), now) for one in accounts]
    judged = {
        name: judge_source(name, frame, last_good.get(name), policy_of(name), now) for name, frame in frames.items()
    }
    names = [one.account for one in accounts]
    process_id = running_engine(home.engine_lock)
    vitals = read_vitals(home, now)
    return EngineStatus(
        home=str(home.path),
        at=now,
        process_id=process_id,
        problems=found,
        sources=[_source(judged[name], now) for name in sorted(judged)],
        accounts=states,
        halts=halts,
        stages=make_stages(Facts(home, names, config, judged, passes, ledgers, now)),
        sign_of_life_age_seconds=sign_of_life_age_seconds(home, now) if process_id else None,
        loop_lag_seconds=vitals.loop_lag_seconds if vitals else None,
        clock_differences_seconds=vitals.clock_differences_seconds if vitals else None,
    )


def _source(judged: JudgedSource, now: datetime) -> SourceState:
    reason = judged.reason if judged.use is not SourceUse.FOLLOW else ""
    if judged.frame is None:
        return SourceState(judged.source, judged.use, reason)
    frame = judged.frame
    return SourceState(
        source=judged.source,
        use=judged.use,
        reason=reason or frame.reason,
        status=frame.status,
        heartbeat_age_seconds=_age(frame.heartbeat_at, now),
        content_age_seconds=_age(frame.fetched_at or frame.written_at, now),
        depths={signal.source_symbol: signal.depth for signal in frame.signals},
    )


def _account(
    settings: AccountSettings, journal: JournalFile | None, report: PassReport | None, now: datetime
) -> AccountState:
    ledgers = journal.ledgers(settings.account) if journal else ()
    equity = report.snapshot.equity if report and report.snapshot else None
    names = [ledger.symbol for ledger in ledgers if not is_over(ledger, now) or _is_followed(ledger.symbol, report)]
    names += [symbol for symbol in (report.outcomes if report else ()) if symbol not in names]
    by_symbol = {ledger.symbol: ledger for ledger in ledgers}
    return AccountState(
        account=str(settings.account),
        mode=settings.mode,
        is_enabled=settings.enabled,
        is_armed=settings.is_armed,
        value=equity.value if isinstance(equity, Known) else None,
        last_pass_age_seconds=_age(report.at, now) if report else None,
        trouble=report.trouble if report else "",
        symbols=[
            _symbol(settings.account, by_symbol.get(name) or SymbolLedger(settings.account, name), journal, report, now)
            for name in names
        ],
    )


def _is_followed(symbol: Symbol, report: PassReport | None) -> bool:
    return report is not None and symbol in report.outcomes


def _symbol(
    account: AccountId, ledger: SymbolLedger, journal: JournalFile | None, report: PassReport | None, now: datetime
) -> SymbolState:
    outcome = report.outcomes.get(ledger.symbol) if report else None
    held, decision = _held(outcome), ledger.decision
    entry = journal.standings().for_symbol(account, ledger.symbol) if journal else None
    target = decision.quantity if decision else None
    is_confirmed = ledger.is_confirmed and (outcome is None or outcome.is_confirmed)
    why = outcome.why if outcome else ""
    return SymbolState(
        symbol=ledger.symbol,
        depth=decision.depth if decision else None,
        leverage=decision.leverage if decision else None,
        target=target,
        held=held,
        gap=target - held if target is not None and held is not None else None,
        knowledge=_knowledge(outcome, report, now),
        owned=ledger.owned,
        is_confirmed=is_confirmed,
        why=why or ((decision.capped or decision.unreachable) if decision else ""),
        standing=_standing(ledger, entry),
        in_flight=[_order(record, now) for record in ledger.unsettled],
        next_try_in_seconds=-_age(outcome.retry_at, now) if outcome and outcome.retry_at else None,
    )


def _held(outcome: SymbolOutcome | None) -> Decimal | None:
    return outcome.held.value if outcome and isinstance(outcome.held, Known) else None


def _knowledge(outcome: SymbolOutcome | None, report: PassReport | None, now: datetime) -> Knowledge:
    if outcome is None or report is None or not isinstance(outcome.held, Known):
        return Knowledge.UNKNOWN
    return Knowledge.KNOWN if _age(outcome.held.read_at, now) <= KNOWN_FOR_SECONDS else Knowledge.STALE


def _standing(ledger: SymbolLedger, entry: SetStanding | None) -> str:
    parts = [str(entry)] if entry else []
    if ledger.standing is not Standing.ACTIVE:
        parts.append(f"{ledger.standing}: {ledger.standing_reason}")
    return "; ".join(parts) or Standing.ACTIVE


def _order(record: OrderRecord, now: datetime) -> OrderState:
    intent = record.intent
    return OrderState(
        client_order_id=intent.client_order_id,
        side=intent.side,
        quantity=intent.quantity,
        reduce_only=intent.reduce_only,
        phase=record.phase,
        age_seconds=_age(record.sent_at, now),
        detail=record.detail,
    )


def _halt(entry: SetStanding) -> HaltState:
    return HaltState(str(entry.scope), entry.standing, entry.by, entry.at, entry.why)


def _age(at: datetime, now: datetime) -> float:
    return round((now - at).total_seconds(), 3)
