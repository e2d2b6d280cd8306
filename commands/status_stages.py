"""The head of `./engine status`: the README's picture of the flow in numbers, readable in 80 columns."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from operations.status_model import Stage

Number = Decimal | int | float | None
Counts = Mapping[str, Number]

NAME_WIDTH = 16
COLUMNS = {
    "accounts": "accounts",
    "positions": "positions",
    "unknown_positions": "unknown",
    "orders": "orders",
    "in_flight": "in flight",
    "answer_age_seconds": "answered",
}
COLUMN_WIDTH = 10
SINGULAR = {"passes": "pass"}
MINUTE, HOUR, DAY = 60, 3600, 86400


def stage_lines(stages: "Sequence[Stage]") -> list[str]:
    """One or two lines a box; the exchanges as a table."""
    lines: list[str] = []
    for kind, group in groupby(stages, key=lambda stage: stage.kind):
        if kind == "exchange":
            lines.append(" " * NAME_WIDTH + "".join(f"{title:>{COLUMN_WIDTH}}" for title in COLUMNS.values()))
        for stage in group:
            first, *rest = SAID[kind](stage.counts)
            lines.append(f"{MARKS[kind] + stage.name:{NAME_WIDTH}}{first}")
            lines += [" " * NAME_WIDTH + line for line in rest]
    return lines


def _source(counts: Counts) -> list[str]:
    if counts["weighted_symbols"] == 0:
        return ["no weight"]
    if counts["frames"] is None:
        return ["has said nothing yet"]
    said, alive = ago(counts["said_age_seconds"]), ago(counts["heartbeat_age_seconds"])
    return [f"frame {counts['frames']}, {_many(counts, 'symbols')}, said {said} ago, alive {alive} ago"]


def _merging(counts: Counts) -> list[str]:
    if counts["weighted_symbols"] is None:
        return ["weights or mappings cannot be read"]
    parts = [
        f"{counts['merged_symbols']} of {_many(counts, 'weighted_symbols')} merged",
        f"{counts['held_back_symbols']} held back" if counts["held_back_symbols"] else "",
    ]
    changes = [
        f"version {counts['targets_version']}" if counts["targets_version"] else "no version yet",
        f"changed {ago(counts['changed_age_seconds'])} ago" if counts["changed_age_seconds"] is not None else "",
    ]
    return [", ".join(filter(None, parts)), ", ".join(filter(None, changes))]


def _execution(counts: Counts) -> list[str]:
    value = counts["value_usdt"]
    worth = f"{value:.0f} USDT" if value is not None else "value unknown"
    if value is not None and counts["known_values"] != counts["accounts"]:
        worth += f" in {counts['known_values']} of them"
    made = f"{_many(counts, 'passes')}, {_many(counts, 'decisions')}, {counts['in_flight']} in flight"
    return [f"{_many(counts, 'accounts')}, {worth}", made]


def _exchange(counts: Counts) -> list[str]:
    if not counts["accounts"]:
        return ["no account".rjust(COLUMN_WIDTH)]
    shown = [ago(counts[name]) if name.endswith("seconds") else f"{counts[name]}" for name in COLUMNS]
    return ["".join(f"{text:>{COLUMN_WIDTH}}" for text in shown)]


def _cache(counts: Counts) -> list[str]:
    age = ago(counts["confirmed_depths_age_seconds"])
    depths = f"{counts['confirmed_depths']} depths, {age} old" if counts["confirmed_depths"] is not None else "none yet"
    details = f"{_many(counts, 'symbol_details')}, {_many(counts, 'orders')} in the journal"
    return [f"account_asset_depths.json: {depths}", details]


MARKS = {"source": "  ", "merging": "> ", "execution": "> ", "exchange": "  > ", "cache": "  "}
SAID: Mapping[str, Callable[[Counts], list[str]]] = {
    "source": _source,
    "merging": _merging,
    "execution": _execution,
    "exchange": _exchange,
    "cache": _cache,
}


def ago(seconds: Number) -> str:
    """A time span in the largest unit of which there are two, `-` where it is not known."""
    if seconds is None:
        return "-"
    for unit, name in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min")):
        if seconds >= 2 * unit:
            return f"{int(seconds // unit)} {name}"
    return f"{max(0, int(seconds))} s"


def _many(counts: Counts, name: str) -> str:
    number, words = counts[name], name.replace("_", " ")
    return f"{number} {words}" if number != 1 else f"1 {SINGULAR.get(words, words.removesuffix('s'))}"
