"""The exception tree of the engine.

    EngineError
    ├── InvalidInput            what a person or another program gave us breaks a stated rule
    │   └── InvalidConfig       ... in a configuration file: path, field, value, remedy
    ├── ExchangeFailure         an exchange did not do what was asked
    │   ├── Refused             proven not executed
    │   ├── OutcomeUnknown      may or may not have happened; nothing may be assumed
    │   └── Fatal               this account cannot go on without a person (revoked key, wrong mode)
    └── StorageFailure          the disk did not keep what we gave it; never retried

Foreign exceptions are translated into these once, at the edge where they arise.
"""


class EngineError(Exception):
    """Base of every failure that the engine raises on purpose."""


class InvalidInput(EngineError):
    """A value breaks a stated rule; the message names the field, the value and what to do."""


class InvalidConfig(InvalidInput):
    """A configuration file breaks its schema.

    Attributes:
        path: The file as the operator knows it.
        field: Dotted path inside the file, empty when the whole file is unreadable.
        value: The offending value as text (never a secret).
        remedy: What the operator can do.
    """

    def __init__(self, path: str, field: str, value: str, problem: str, remedy: str) -> None:
        place = f"{path}: {field}" if field else path
        shown = f" (found {value})" if value else ""
        super().__init__(f"{place}: {problem}{shown}. {remedy}")
        self.path = path
        self.field = field
        self.value = value
        self.problem = problem
        self.remedy = remedy


class ExchangeFailure(EngineError):
    """An exchange did not do what was asked."""


class Refused(ExchangeFailure):
    """The exchange proved that it did not execute the request."""


class OutcomeUnknown(ExchangeFailure):
    """The request may or may not have been executed."""


class Fatal(ExchangeFailure):
    """The account cannot go on without a person."""


class StorageFailure(EngineError):
    """The disk did not keep what it was given."""
