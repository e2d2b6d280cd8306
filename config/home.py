"""Where the operator's files and the services' records live; the only home of their names."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

HOME_VARIABLE = "TRADE_ENGINE_HOME"


@dataclass(frozen=True, slots=True)
class Home:
    """The folder named by TRADE_ENGINE_HOME, else the one that holds execute_trades.py."""

    path: Path

    @property
    def credentials(self) -> Path:
        """Accounts and keys, mode 0600."""
        return self.path / "credentials.json"

    @property
    def asset_mapping(self) -> Path:
        """Source symbol to unified symbol, per source."""
        return self.path / "asset_mapping_config.json"

    @property
    def signal_weights(self) -> Path:
        """Leverage and source weights per unified symbol."""
        return self.path / "signal_weight_config.json"

    @property
    def bittensor_settings(self) -> Path:
        """Thresholds, exponents and limits of the SN8 ranking."""
        return self.path / "bittensor_processor_config.json"

    @property
    def engine_settings(self) -> Path:
        """Everything else, optional, with a safe default each."""
        return self.path / "engine_config.json"

    @property
    def webhook_keys(self) -> Path:
        """Hashes of the webhook's keys, mode 0600."""
        return self.path / "webhook_keys.json"

    @property
    def environment_file(self) -> Path:
        """Optional variables in `NAME=VALUE` lines; the process's own environment wins over it."""
        return self.path / ".env"

    @property
    def config_history(self) -> Path:
        """Every version of the operator's files that came into force, one file a version."""
        return self.state / "config_history"

    @property
    def consents(self) -> Path:
        """Which live accounts the operator has armed, with the keys they had then."""
        return self.state / "consents.json"

    @property
    def account_depths(self) -> Path:
        """Per account, the depths confirmed against the exchange: a view for people, never the truth."""
        return self.path / "account_asset_depths.json"

    @property
    def state(self) -> Path:
        """Journal, locks and paper accounts."""
        return self.path / "state"

    @property
    def logs(self) -> Path:
        """Rotating JSON logs."""
        return self.path / "logs"

    @property
    def journal(self) -> Path:
        """Every order intent and what came of it."""
        return self.state / "journal.sqlite"

    @property
    def engine_lock(self) -> Path:
        """Held while an engine runs on this home."""
        return self.state / "engine.lock"

    @property
    def vitals(self) -> Path:
        """How the running engine is: its loop's lag, the exchanges' clocks, passes that are late; a view for people."""
        return self.state / "vitals.json"

    @property
    def spent_calls(self) -> Path:
        """What was spent of the exchanges' long limits, so that an engine that starts again keeps them too."""
        return self.state / "spent_calls.json"

    @property
    def operator_commands(self) -> Path:
        """What the operator asked the engine for, one file a command."""
        return self.state / "commands"

    @property
    def last_passes(self) -> Path:
        """Where every account and symbol stood after its last pass, one file an account: a view for people."""
        return self.state / "last_passes"

    @property
    def paper(self) -> Path:
        """Paper accounts and what the operator asks of them."""
        return self.state / "paper"

    def raw_signals(self, source: str) -> Path:
        """The append-only record of one source and its current frame."""
        return self.path / "raw_signals" / source

    def depths(self, source: str) -> Path:
        """The current frame of one source, replaced atomically."""
        return self.raw_signals(source) / "depths.json"

    def source_state(self, source: str) -> Path:
        """What a polled source remembers between polls and across restarts."""
        return self.raw_signals(source) / "poller_state.json"

    def source_condition(self, source: str) -> Path:
        """Why a source that runs has no frame yet."""
        return self.raw_signals(source) / "condition.json"

    def source_standings(self, source: str) -> Path:
        """What a polled source's server said about its miners beside their positions."""
        return self.raw_signals(source) / "standings.json"

    def registered_hotkeys(self, source: str) -> Path:
        """Which miners are registered, as last read from the chain; optional."""
        return self.raw_signals(source) / "registered_hotkeys.json"


def find_home(environment: Mapping[str, str] = os.environ) -> Home:
    """The home of this installation; never the current directory.

    Args:
        environment: Where TRADE_ENGINE_HOME is looked up.
    """
    named = environment.get(HOME_VARIABLE, "")
    return Home(Path(named).expanduser().resolve() if named else Path(__file__).resolve().parent.parent)
