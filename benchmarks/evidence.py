"""Results kept for readers: one JSON file that a run adds its parts to, and the tables made of it."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.exchange_process import ROOT
from config.files import write_atomically
from operations.wall_clock import WallClock

PUBLIC_MODE = 0o644
HEAD = (
    "Written by `./engine bench`; the numbers lie beside it as JSON. Medians of as many rounds as each part names; "
    "1 round is a single pass. The load is that of the last minute, five and fifteen at the end of the part, the "
    "benchmark's own work included."
)

MEANINGS: Mapping[str, str] = {
    "orders": (
        "From the signal to the acknowledged orders, exchanges without limits, by accounts x symbols. 4 accounts have "
        "every number of symbols and every delay; 20 and 100 accounts have 5 symbols and 100 ms alone. `first_ratio` "
        "and `last_ratio` are times over those of the bare client that sends the same reads and orders in the fewest "
        "waves (aim for the last order 1.3). That client is no lower bound: each of its groups of ten orders waits for "
        "its slowest answer, and the opens of a flip for all closes; where the engine goes on symbol by symbol it can "
        "be faster, and the ratio below 1. `cpu_ratio` is processor time until everything is proven over that of the "
        "bare client with the same look-ups and proving reads (aim 2), `cpu_ms` the engine's per order. "
        "`cpu_to_last_ratio` is until the last order, by when the engine has looked up most orders and the bare client "
        "none. `calls` is over the fewest that the rules of truth allow, as in the table of calls (aim 1.2)."
    ),
    "limits": (
        "Published limits in force, the adapters' own pace; cold, the actions at once after each other. No call may be "
        "refused for rate. What takes long waits for a window: BloFin allows 30 orders and look-ups in 10 s."
    ),
    "sequential": (
        "The same build with one account after the other and one symbol at a time, against side by side; every target "
        "proven. `saved` is the share of the time that is saved."
    ),
    "hung": (
        "4 accounts, one exchange in trouble: the healthy three's time until their last acknowledged order, over that "
        "of the same three while the fourth was well (aim: 1)."
    ),
    "start": (
        "From the spawn of the engine to its first order with a position to repair on each of four accounts, over a "
        "process that only imports ccxt and sends one order."
    ),
    "memory": (
        "Per further account, one symbol traded, connections warm: an engine with 4 accounts and one with 40, each in "
        "a fresh process, the exchanges in another; their difference by account, and the peak of the larger one."
    ),
    "calls": (
        "Calls of one account per action over the fewest possible; in virtual time, the same on every machine. Fewest "
        "is not one call an order but what the rules of truth ask for: value, positions and prices once; each symbol's "
        "settings before an increase on Bybit, BloFin and KuCoin, and the account's on Bybit; every order, and one "
        "look-up of it by its id; and one read of the positions that proves what came of all, for a flip one more "
        "between close and open."
    ),
    "idle": "Calls of one account while nothing happens; in virtual time. Aim: one full check a minute.",
    "cpu": (
        "Processor time of one call through each adapter, answers replayed, over ccxt's own signed request; each the "
        "mean of many calls, the best of five times."
    ),
    "paper exchanges": "Requests a second that the paper exchanges answer on one core, alone and with ccxt in front.",
    "webhook": (
        "Alerts over loopback: the webhook, which answers only when an alert is on the disk (fsync), and applications "
        "on uvicorn of the same run that parse the body and store nothing."
    ),
    "webhook ratios": (
        "The same as ratios: alerts answered in a second (less than 1: fewer than the bare application), and times to "
        "the answer (more than 1: longer). What is asked for is something else than what the bare applications do: one "
        "fsync before every answer, which many connections share; one connection waits for each of its own."
    ),
    "sn8": "One SN8 answer from body to frame: seconds of processor time, megabytes.",
}
"""What each table shows."""

NOTES = "notes"
"""Beside the tables in the JSON file: what a reader of the numbers wants to know, written by whoever ran it."""

AIMS: Mapping[str, float] = {"last_ratio": 1.3, "cpu_ratio": 2.0, "calls": 1.2}
"""The most that is aimed at, by column of the table of orders."""


def measured_now(tables: Mapping[str, Sequence[Mapping[str, Any]]], rounds: int) -> dict[str, Any]:
    """The tables with what they were measured on, by table.

    Args:
        tables: As measured.
        rounds: Whose medians they are.
    """
    at = WallClock().now()
    around = {
        "commit": _git("rev-parse", "--short", "HEAD"),
        "is_changed": bool(_git("status", "--porcelain", "--untracked-files=no")),
        "at": at.isoformat(timespec="seconds"),
        "machine": _machine(),
        "load": [round(load, 2) for load in os.getloadavg()],
        "rounds": rounds,
    }
    return {name: {**around, "rows": list(rows)} for name, rows in tables.items()}


def keep_evidence(path: Path, measured: Mapping[str, Any]) -> None:
    """Put the tables in the place of their older selves, and write the page anew.

    Args:
        path: Of the page; the numbers lie beside it as `.json`.
        measured: By table, as `measured_now` gives it.
    """
    numbers = path.with_suffix(".json")
    kept = json.loads(numbers.read_text()) if numbers.exists() else {}
    kept.update(measured)
    write_atomically(numbers, json.dumps(kept, indent=2).encode() + b"\n", PUBLIC_MODE)
    write_atomically(path, render(kept).encode(), PUBLIC_MODE)


def render(kept: Mapping[str, Any]) -> str:
    """The page."""
    newest = max(datetime.fromisoformat(kept[name]["at"]) for name in MEANINGS if name in kept)
    parts = [
        f"# Benchmark, {newest:%d %B %Y}\n",
        f"{HEAD}\n",
    ]
    missed = missed_aims(kept["orders"]["rows"]) if "orders" in kept else []
    if "orders" in kept:
        parts.append("## What misses its aim\n")
        parts.append("\n".join(f"- {line}" for line in missed) + "\n" if missed else "Nothing.\n")
    if NOTES in kept:
        parts.append("## Notes\n\n" + "\n".join(f"- {note}" for note in kept[NOTES]) + "\n")
    parts += [_part(name, kept[name]) for name in MEANINGS if name in kept]
    return "\n".join(parts)


def missed_aims(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """One line for every scale, delay and column above its aim; a no-op's processor time is not per order."""
    lines = []
    for column, aim in AIMS.items():
        for row in rows:
            is_counted = column != "cpu_ratio" or row["action"] != "no-op"
            if is_counted and row[column] > aim:
                lines.append(
                    f"{row['scale']}, {row['delay_ms']} ms, {row['action']}: {column} {row[column]:.2f} > {aim}"
                )
    return lines


def _part(name: str, one: Mapping[str, Any]) -> str:
    rows = one["rows"]
    columns = list(dict.fromkeys(column for row in rows for column in row))
    table = [f"| {' | '.join(columns)} |", "|" + "---|" * len(columns)]
    table += [f"| {' | '.join(_cell(row.get(column, '')) for column in columns)} |" for row in rows]
    changed = " with local changes" if one["is_changed"] else ""
    loads = ", ".join(str(load) for load in one["load"])
    rounds = f"{one['rounds']} round{'' if one['rounds'] == 1 else 's'}"
    said = f"Commit {one['commit']}{changed}, {one['at']}, {one['machine']}, load {loads}, {rounds}."
    return f"## {name.capitalize()}\n\n{MEANINGS[name]}\n\n{said}\n\n" + "\n".join(table) + "\n"


def _cell(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def _machine() -> str:
    models = [line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    memory = next((int(line.split()[1]) // 2**20 for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0)
    return f"{os.cpu_count()} cores of {models[0] if models else 'an unknown processor'}, {memory} GiB"


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603, S607 - of the developer's own path
    return done.stdout.strip()
