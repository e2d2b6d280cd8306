"""The README's picture of the flow in numbers: from the sources over merging and execution to the exchanges."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from config.home import Home
from core.decisions.judge_source import JudgedSource
from core.decisions.merge_signals import merge_signals
from core.model.identity import AccountId, SourceName
from core.model.ledger import SymbolLedger
from core.model.money import ZERO
from core.model.outcome import PassReport
from core.model.reading import Known
from core.model.target import TradingConfig
from operations.status_model import Stage

SOURCES = {"tradingview": "TradingView", "bittensor": "Bittensor"}
MERGING, EXECUTION, CACHE = "SignalManager", "TradeExecutor", "Cache"
EXCHANGES = {"bybit": "ByBit", "blofin": "BloFin", "kucoin": "KuCoin", "mexc": "MEXC"}
"""The picture's names. Sources and exchanges that are not configured are shown as well, without numbers."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the stages are counted from.

    Attributes:
        home: Whose.
        accounts: Every configured account.
        config: Weights and mappings, None where they cannot be read.
        judged: Every source with a weight.
        passes: The last pass of each account.
        ledgers: What the journal knows of the accounts' symbols.
        now: UTC time.
    """

    home: Home
    accounts: Sequence[AccountId]
    config: TradingConfig | None
    judged: Mapping[SourceName, JudgedSource]
    passes: Mapping[AccountId, PassReport]
    ledgers: Sequence[SymbolLedger]
    now: datetime


def make_stages(facts: Facts) -> list[Stage]:
    """Every box of the picture, in its order."""
    sources = dict.fromkeys((*SOURCES, *facts.judged))
    exchanges = dict.fromkeys((*EXCHANGES, *(account.exchange for account in facts.accounts)))
    return [
        *(_source(facts, SourceName(name)) for name in sources),
        _merging(facts),
        _execution(facts),
        *(_exchange(facts, name) for name in exchanges),
        _cache(facts),
    ]


def _source(facts: Facts, name: SourceName) -> Stage:
    judged = facts.judged.get(name)
    counts: dict[str, Decimal | int | float | None] = dict.fromkeys(("frames", "symbols", "said_age_seconds"))
    counts["heartbeat_age_seconds"] = None
    if judged and judged.frame:
        frame = judged.frame
        counts = {
            "frames": frame.sequence,
            "symbols": len(frame.signals),
            "said_age_seconds": _age(frame.fetched_at or frame.written_at, facts.now),
            "heartbeat_age_seconds": _age(frame.heartbeat_at, facts.now),
        }
    return Stage(SOURCES.get(name, name), "source", {"weighted_symbols": _weighted(facts.config, name), **counts})


def _weighted(config: TradingConfig | None, name: SourceName) -> int | None:
    if config is None:
        return None
    shares = [share for entry in config.weights for share in entry.sources if share.source == name]
    return sum(share.weight > ZERO for share in shares)


def _merging(facts: Facts) -> Stage:
    merge = merge_signals(facts.config, facts.judged) if facts.config else None
    changes = [judged.frame.written_at for judged in facts.judged.values() if judged.frame]
    return Stage(
        MERGING,
        "merging",
        {
            "weighted_symbols": len(facts.config.weights) if facts.config else None,
            "merged_symbols": len(merge.targets) if merge else None,
            "held_back_symbols": len(merge.unready) if merge else None,
            "targets_version": max((report.targets_version for report in facts.passes.values()), default=None),
            "changed_age_seconds": _age(max(changes, default=None), facts.now),
        },
    )


def _execution(facts: Facts) -> Stage:
    reports = [facts.passes[account] for account in facts.accounts if account in facts.passes]
    snapshots = [report.snapshot for report in reports if report.snapshot]
    values = [one.equity.value for one in snapshots if isinstance(one.equity, Known)]
    return Stage(
        EXECUTION,
        "execution",
        {
            "accounts": len(facts.accounts),
            "known_values": len(values),
            "value_usdt": sum(values, ZERO) if values else None,
            "passes": sum(report.number for report in reports),
            "decisions": sum(ledger.decision.number for ledger in facts.ledgers if ledger.decision),
            "in_flight": _in_flight(facts.ledgers),
        },
    )


def _exchange(facts: Facts, name: str) -> Stage:
    accounts = [account for account in facts.accounts if account.exchange == name]
    ledgers = [ledger for ledger in facts.ledgers if ledger.account.exchange == name]
    reports = [facts.passes[account] for account in accounts if account in facts.passes]
    held = [outcome.held for report in reports for outcome in report.outcomes.values()]
    answers = [reading.read_at for reading in held if isinstance(reading, Known)]
    for snapshot in (report.snapshot for report in reports if report.snapshot):
        answers += [reading.read_at for reading in (snapshot.equity, snapshot.positions) if isinstance(reading, Known)]
    return Stage(
        EXCHANGES.get(name, name),
        "exchange",
        {
            "accounts": len(accounts),
            "positions": sum(isinstance(reading, Known) and reading.value != ZERO for reading in held),
            "unknown_positions": sum(not isinstance(reading, Known) for reading in held),
            "orders": sum(ledger.steps for ledger in ledgers),
            "in_flight": _in_flight(ledgers),
            "answer_age_seconds": _age(max(answers, default=None), facts.now),
        },
    )


def _cache(facts: Facts) -> Stage:
    depths = facts.home.account_depths
    return Stage(
        CACHE,
        "cache",
        {
            "confirmed_depths": _depths_in(depths),
            "confirmed_depths_age_seconds": _file_age(depths, facts.now),
            "symbol_details": sum(len(report.rules) for report in facts.passes.values()),
            "orders": sum(ledger.steps for ledger in facts.ledgers),
        },
    )


def _in_flight(ledgers: Iterable[SymbolLedger]) -> int:
    return sum(len(ledger.unsettled) for ledger in ledgers)


def _depths_in(path: Path) -> int | None:
    try:
        return sum(len(by_symbol) for by_symbol in json.loads(path.read_bytes()).values())
    except (OSError, ValueError, AttributeError, TypeError):
        return None


def _file_age(path: Path, now: datetime) -> float | None:
    try:
        return round(now.timestamp() - path.stat().st_mtime, 3)
    except OSError:
        return None


def _age(at: datetime | None, now: datetime) -> float | None:
    return round((now - at).total_seconds(), 3) if at else None
