"""What may be done with a symbol, an account, a source or the engine."""

from enum import StrEnum


class Standing(StrEnum):
    """What may be done; automatic rules set reduce_only, `halted` and `flat` are the operator's alone."""

    ACTIVE = "active"
    REDUCE_ONLY = "reduce_only"
    HALTED = "halted"
    FLAT = "flat"
