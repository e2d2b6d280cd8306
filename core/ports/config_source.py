"""Where the operator's configuration is read."""

from typing import Protocol

from core.model.target import TradingConfig


class ConfigSource(Protocol):
    """Weights and mappings, validated as a whole; the last valid version stays in force."""

    def load(self) -> TradingConfig:
        """The newest valid configuration.

        Raises:
            core.model.failures.InvalidConfig: Only when there has never been a valid one.
        """
        ...

    def problem(self) -> str:
        """What is wrong with the files as they stand, empty when they are the version in force."""
        ...
