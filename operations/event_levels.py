"""How urgent each event of the log is, so that a person finds what needs one among what only happened."""

from logging import ERROR, INFO, WARNING

ERRORS = frozenset(
    {
        "account left out",
        "account problem",
        "account quarantined",
        "another engine trades this account",
        "bittensor source gave up",
        "cannot run",
        "engine failed",
        "engine not started",
        "failed",
        "journal not durable, increases stop, reductions go on",
        "loss limit reached, account may only reduce",
        "merge failed unexpectedly",
        "message not stored",
        "order disagrees with its intent",
        "pass failed unexpectedly",
        "position changed without us",
        "symbol failed unexpectedly",
    }
)
"""Somebody has to act, or something of ours is broken."""

WARNINGS = frozenset(
    {
        "account warning",
        "bittensor stream ended",
        "caller refused",
        "clock differs from the exchange's",
        "clock not measured",
        "configuration invalid, last valid one stays",
        "credentials not encrypted",
        "day not archived",
        "depth view not written",
        "event loop was blocked",
        "exchange in trouble, increases pause",
        "frame not written",
        "merge failed",
        "metrics not served",
        "operator command unreadable",
        "order never arrived",
        "order outcome unknown",
        "order refused",
        "pass failed",
        "pass view not written",
        "poll not stored",
        "record damaged",
        "record not archived",
        "settings invalid, last valid ones stay",
        "snapshot not written",
        "symbol may only reduce",
        "symbol waits",
    }
)
"""The engine deals with it by itself; worth a look when it stays."""


def level_of(event: str) -> int:
    """The level of logging under which an event is written."""
    if event in ERRORS:
        return ERROR
    return WARNING if event in WARNINGS else INFO
