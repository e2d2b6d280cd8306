"""Every command of `./engine`, by the part of the work it belongs to; its file is imported only when it is run."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """One command.

    Attributes:
        name: What the operator types.
        module: The file that defines `app = typer.Typer(add_completion=False)` with its one or several commands; what
            is heavy is imported inside the functions.
        summary: One line of the table of contents.
        panel: The heading it stands under.
    """

    name: str
    module: str
    summary: str
    panel: str


BEGIN, OPERATE, PROVE = "Begin", "Operate", "Prove"

CATALOGUE = (
    Entry("demo", "commands.demo", "The whole engine on four paper exchanges, with nothing to set up.", BEGIN),
    Entry("init", "commands.init", "Set up accounts, sources, pairs and weights, guided, in one go.", BEGIN),
    Entry("status", "commands.status", "What every account should hold and holds, and why they differ.", OPERATE),
    Entry("api", "commands.api", "The status over HTTP on 127.0.0.1, for programs; read-only.", OPERATE),
    Entry("explain", "commands.explain", "One symbol of one account, from the signal to the order.", OPERATE),
    Entry("preview", "commands.preview", "The orders that other weights or mappings would cause.", OPERATE),
    Entry("arm", "commands.arm", "Agree that orders are sent on a live account.", OPERATE),
    Entry("halt", "commands.halt", "Send nothing, or only reductions, until resumed.", OPERATE),
    Entry("flatten", "commands.flatten", "Close what is ours and stay flat until resumed.", OPERATE),
    Entry("resume", "commands.resume", "Lift what was halted, restricted or flattened.", OPERATE),
    Entry("adopt", "commands.adopt", "Take over a position that the engine did not open.", OPERATE),
    Entry("webhook", "commands.webhook", "Keys and public name of the TradingView endpoint.", OPERATE),
    Entry("source", "commands.source", "Sources of signals, also those of other packages.", OPERATE),
    Entry("config", "commands.config", "Check, show, explain and undo what the operator wrote.", OPERATE),
    Entry("doctor", "commands.doctor", "Whether every account can be traded as it is, and what to do if not.", OPERATE),
    Entry("secrets", "commands.secrets", "Check the encryption of credentials, and change its key.", OPERATE),
    Entry("backup", "commands.backup", "One archive of what could not be made again, while everything runs.", OPERATE),
    Entry("restore", "commands.restore", "Bring a backup back; what it replaces is moved aside.", OPERATE),
    Entry("paper", "commands.paper", "Paper exchanges and accounts: serve, deposit, reset, prices, fault.", OPERATE),
    Entry("simulate", "commands.simulate", "The whole engine through seeded misfortune, in virtual time.", PROVE),
    Entry("fuzz", "commands.fuzz", "Every parser under spoiled messages, files and answers.", PROVE),
    Entry("bench", "commands.bench", "How fast and frugal the engine is, against a yardstick of the same run.", PROVE),
    Entry("prove", "commands.prove", "The long evidence: hours, crash points, planted bugs, kills.", PROVE),
    Entry("test", "commands.test", "Check and test everything: the gate, --full, --install-system.", PROVE),
)
