"""A crash before any single step of any write, and in the middle of any single piece of one, leaves the old or new."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from config.consents import read_consents, record_consent
from config.credentials_file import read_credentials, write_credentials
from config.dialog import FileDraft
from config.files import format_json
from config.history import ConfigHistory
from config.home import Home
from config.key_providers.provider import Surroundings
from config.operator_files import operator_file
from config.schemas.credentials import CredentialsDocument, ExchangeSection
from config.secrets_upkeep import rotate_key
from config.undo import apply_undo, plan_undo
from core.model.identity import AccountId

STEPS = ("open", "write", "fsync", "fchmod", "close", "replace", "unlink", "link", "mkdir")


class Crash(BaseException):
    """The process is gone; nothing after this happens."""


@contextmanager
def crash_before(step: int, *, is_torn: bool = False) -> Iterator[list[str]]:
    """Let the given number of steps happen, then nothing any more; yields the names of the steps that happened.

    Args:
        step: How many steps happen.
        is_torn: Whether half of the data of a write that does not happen reaches the disk.
    """
    happened: list[str] = []
    genuine = {name: getattr(os, name) for name in STEPS}

    def faulty(name: str) -> Callable[..., Any]:
        def run(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - any function of os
            if len(happened) >= step:
                if is_torn and name == "write" and len(happened) == step:
                    genuine["write"](arguments[0], arguments[1][: len(arguments[1]) // 2])
                happened.append("crash")
                raise Crash
            happened.append(name)
            return genuine[name](*arguments, **options)

        return run

    with pytest.MonkeyPatch.context() as patch:
        for name in STEPS:
            patch.setattr(os, name, faulty(name))
        yield happened


class Scene:
    """A home, its key folder, and a way to have them as they were."""

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder / "home")
        self.around = Surroundings(self.home, {"XDG_CONFIG_HOME": str(folder / "xdg")})
        self._folder = folder
        self._copy = folder.with_name(f"{folder.name}-copy")
        self.home.path.mkdir(parents=True)

    def remember(self) -> None:
        shutil.copytree(self._folder, self._copy)

    def restore(self) -> None:
        shutil.rmtree(self._folder)
        shutil.copytree(self._copy, self._folder)

    def read(self) -> CredentialsDocument:
        return read_credentials(self.home, self.around)

    def write(self, document: CredentialsDocument) -> None:
        write_credentials(self.home, document, self.around)


def document(name: str) -> CredentialsDocument:
    section = ExchangeSection(api_key=SecretStr(f"CANARY-{name}"), api_secret=SecretStr(f"CANARY-secret-{name}"))
    return CredentialsDocument(bybit=section)


def crash_everywhere(scene: Scene, act: Callable[[], object], check: Callable[[], None]) -> int:
    """Crash at every step of an act, whole and torn, and check each time; how many steps there are."""
    scene.remember()
    with crash_before(10**6) as steps:
        act()
    check()
    for step in range(len(steps)):
        for is_torn in (False, True) if steps[step] == "write" else (False,):
            scene.restore()
            with pytest.raises(Crash), crash_before(step, is_torn=is_torn):
                act()
            check()
    return len(steps)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path / "scene")


NOW = datetime(2026, 1, 1, tzinfo=UTC)
OLD, NEW = document("old"), document("new")


def test_credentials_are_old_or_new(scene: Scene) -> None:
    scene.write(OLD)
    seen: list[CredentialsDocument] = []

    steps = crash_everywhere(scene, lambda: scene.write(NEW), lambda: seen.append(scene.read()))

    assert all(found in (OLD, NEW) for found in seen)
    assert OLD in seen
    assert NEW in seen
    assert steps >= 6


def test_the_first_credentials_are_none_or_new_and_never_without_their_key(scene: Scene) -> None:
    seen: list[CredentialsDocument] = []

    crash_everywhere(scene, lambda: scene.write(NEW), lambda: seen.append(scene.read()))

    assert all(found in (CredentialsDocument(), NEW) for found in seen)


@pytest.mark.parametrize("is_forgetting", [False, True])
def test_a_change_of_key_always_leaves_secrets_that_open(scene: Scene, is_forgetting: bool) -> None:
    scene.write(OLD)

    def check() -> None:
        assert scene.read() == OLD
        assert b"CANARY" not in scene.home.credentials.read_bytes()

    crash_everywhere(scene, lambda: rotate_key(scene.home, scene.around, forget_old_keys=is_forgetting), check)


def test_a_plain_file_is_plain_or_encrypted_and_complete(scene: Scene) -> None:
    scene.home.credentials.write_bytes(
        format_json({"bybit": {"api_key": "CANARY-old", "api_secret": "CANARY-secret-old"}})
    )
    scene.home.credentials.chmod(0o600)

    crash_everywhere(scene, lambda: rotate_key(scene.home, scene.around), lambda: _check_is(scene.read(), OLD))


def weights(leverage: int) -> bytes:
    return format_json([{"symbol": "BTCUSDT", "leverage": leverage, "sources": []}])


def test_a_dialogs_file_is_old_or_new_and_its_history_readable(scene: Scene) -> None:
    path = scene.home.signal_weights
    path.write_bytes(weights(1))

    def act() -> None:
        draft = FileDraft(path)
        draft.load(operator_file(path.name).check, None)
        draft.save(weights(2))

    def check() -> None:
        assert path.read_bytes() in (weights(1), weights(2))
        numbers = [version.number for version in ConfigHistory(scene.home).versions()]
        assert numbers == list(range(1, len(numbers) + 1))

    crash_everywhere(scene, act, check)


def test_an_undo_is_done_or_not_and_can_be_done_again(scene: Scene) -> None:
    path, history = scene.home.signal_weights, ConfigHistory(scene.home)
    for leverage in (1, 2):
        path.write_bytes(weights(leverage))
        history.record(path, weights(leverage), "hand")
    file = operator_file(path.name)

    def check() -> None:
        assert path.read_bytes() in (weights(1), weights(2))
        if path.read_bytes() == weights(2):
            assert plan_undo(scene.home, file).version.content.encode() == weights(1)

    crash_everywhere(scene, lambda: apply_undo(scene.home, plan_undo(scene.home, file)), check)


def test_consent_is_given_or_not(scene: Scene) -> None:
    account = AccountId("bybit")
    scene.home.state.mkdir()

    def check() -> None:
        assert set(read_consents(scene.home.consents)) <= {account}

    crash_everywhere(scene, lambda: record_consent(scene.home.consents, account, "print", NOW, "anna", {}), check)


def test_data_is_synced_before_its_name_and_the_name_before_the_end(scene: Scene) -> None:
    scene.write(OLD)

    with crash_before(10**6) as steps:
        scene.write(NEW)

    renamed = steps.index("replace")
    assert "fsync" in steps[steps.index("write") : renamed]
    assert "fsync" in steps[renamed:]


def _check_is(found: CredentialsDocument, expected: CredentialsDocument) -> None:
    assert found == expected
