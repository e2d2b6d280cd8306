import base64
import os
import stat
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from config.home import Home
from config.key_providers.given_key import EnvironmentKey, SystemdKey
from config.key_providers.key_file import KeyFile, key_file_path
from config.key_providers.passphrase import Cost, Passphrase
from config.key_providers.provider import KeyProvider, Parameters, Surroundings, process_surroundings
from config.key_providers.registry import PROVIDERS, provider_named
from config.secret_store import EncryptionHeader, SecretKey
from core.model.failures import InvalidConfig

QUICK = Cost(memory_kib=64, iterations=1, lanes=1)
KEY, NEXT_KEY = SecretKey(bytes(range(32))), SecretKey(bytes(range(32, 64)))
WORDS = "CANARY correct horse battery"


def header(provider: KeyProvider, key: SecretKey, parameters: Parameters | None = None) -> EncryptionHeader:
    return EncryptionHeader(version=1, provider=provider.name, key_id=key.key_id, parameters=parameters or {})


def in_environment(home: Home, **variables: str) -> Surroundings:
    return Surroundings(home, variables)


def asking(home: Home, *answers: str) -> Surroundings:
    given: Iterator[str] = iter(answers)
    return Surroundings(home, {}, lambda _prompt: next(given))


def write_private(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o600)


def test_a_key_file_keeps_older_keys_for_other_installations_and_backups(around: Surroundings) -> None:
    provider = KeyFile(around)
    first, _ = provider.make()
    second, _ = provider.make()

    assert first != second
    assert provider.find(header(provider, first)) == first
    assert provider.find(header(provider, second)) == second
    assert provider.forget_others(second.key_id) == 1
    with pytest.raises(InvalidConfig, match=first.key_id):
        provider.find(header(provider, first))


def test_keys_made_at_once_are_all_kept(around: Surroundings) -> None:
    with ThreadPoolExecutor(4) as pool:
        keys = list(pool.map(lambda _: KeyFile(around).make()[0], range(12)))

    provider = KeyFile(around)
    assert [provider.find(header(provider, key)) for key in keys] == keys


@pytest.mark.parametrize("content", ["", "nonsense\n", "\xff\n"])
def test_a_damaged_key_file_is_refused_and_left_alone(around: Surroundings, content: str) -> None:
    path = key_file_path(around)
    path.parent.mkdir(parents=True)
    write_private(path, content)

    with pytest.raises(InvalidConfig, match="key"):
        KeyFile(around).find(header(KeyFile(around), KEY))
    assert path.read_text() == content


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"TRADE_ENGINE_KEY_FILE": "/keys/one", "XDG_CONFIG_HOME": "/xdg"}, "/keys/one"),
        ({"XDG_CONFIG_HOME": "/xdg", "HOME": "/home/anna"}, "/xdg/trade-engine/key"),
        ({"HOME": "/home/anna"}, "/home/anna/.config/trade-engine/key"),
    ],
)
def test_the_key_file_lies_in_the_users_configuration_folder(
    home: Home, variables: Mapping[str, str], expected: str
) -> None:
    assert key_file_path(Surroundings(home, variables)) == Path(expected)


def test_the_same_passphrase_gives_the_same_key_under_the_same_salt_alone(home: Home) -> None:
    provider = Passphrase(in_environment(home, TRADE_ENGINE_PASSPHRASE=WORDS), QUICK)
    key, parameters = provider.make()

    assert provider.find(header(provider, key, parameters)) == key
    assert provider.make()[0] != key
    assert "CANARY" not in str(parameters)


def test_a_wrong_passphrase_is_refused_without_being_shown(home: Home) -> None:
    key, parameters = Passphrase(in_environment(home, TRADE_ENGINE_PASSPHRASE=WORDS), QUICK).make()
    wrong = Passphrase(asking(home, "CANARY is another one"))

    with pytest.raises(InvalidConfig, match=key.key_id) as caught:
        wrong.find(header(wrong, key, parameters))
    assert "CANARY" not in str(caught.value)


def test_a_person_is_asked_twice_for_a_new_passphrase_and_once_for_a_known_one(home: Home) -> None:
    key, parameters = Passphrase(asking(home, WORDS, WORDS), QUICK).make()
    known = Passphrase(asking(home, WORDS))
    assert known.find(header(known, key, parameters)) == key

    with pytest.raises(InvalidConfig, match="differ"):
        Passphrase(asking(home, WORDS, "another"), QUICK).make()
    with pytest.raises(InvalidConfig, match="shorter"):
        Passphrase(asking(home, "short", "short"), QUICK).make()


def test_a_person_gives_a_passphrase_once_in_a_process_and_a_wrong_one_is_not_remembered(home: Home) -> None:
    key, parameters = Passphrase(in_environment(home, TRADE_ENGINE_PASSPHRASE=WORDS), QUICK).make()
    around = asking(home, "not the right words", WORDS)
    with pytest.raises(InvalidConfig, match=key.key_id):
        Passphrase(around).find(header(Passphrase(around), key, parameters))

    found = [Passphrase(around).find(header(Passphrase(around), key, parameters)) for _ in range(2)]

    assert found == [key, key]
    assert WORDS not in repr(around)
    assert key.text not in repr(around)


def test_a_new_passphrase_is_not_asked_for_again(home: Home) -> None:
    around = asking(home, WORDS, WORDS)
    key, parameters = Passphrase(around, QUICK).make()

    assert Passphrase(around).find(header(Passphrase(around), key, parameters)) == key


def test_every_part_of_a_process_shares_what_a_person_answered(home: Home) -> None:
    assert process_surroundings(home) is process_surroundings(Home(home.path))
    assert process_surroundings(home) is not process_surroundings(Home(home.path / "another"))


def test_a_service_that_can_ask_nobody_says_what_to_do(home: Home) -> None:
    key, parameters = Passphrase(in_environment(home, TRADE_ENGINE_PASSPHRASE=WORDS), QUICK).make()
    silent = Passphrase(in_environment(home))

    with pytest.raises(InvalidConfig, match="terminal"):
        silent.find(header(silent, key, parameters))


@pytest.mark.parametrize(
    "damage", [{"memory_kib": 2**40}, {"iterations": 0}, {"salt": 5}, {"lanes": "4"}, {"salt": "not base64"}]
)
def test_damaged_parameters_are_refused_before_they_cost_anything(home: Home, damage: Parameters) -> None:
    provider = Passphrase(in_environment(home, TRADE_ENGINE_PASSPHRASE=WORDS), QUICK)
    key, parameters = provider.make()

    with pytest.raises(InvalidConfig, match="damaged"):
        provider.find(header(provider, key, {**parameters, **damage}))


def test_a_key_of_the_environment_wins_over_the_env_file(home: Home) -> None:
    write_private(home.environment_file, f"TRADE_ENGINE_KEY={NEXT_KEY.text}\n")
    from_file = EnvironmentKey(in_environment(home))
    from_process = EnvironmentKey(in_environment(home, TRADE_ENGINE_KEY=KEY.text))

    assert from_file.find(header(from_file, NEXT_KEY)) == NEXT_KEY
    assert from_process.find(header(from_process, KEY)) == KEY


def test_an_env_file_that_others_may_read_gives_no_key(home: Home) -> None:
    home.environment_file.write_text(f"TRADE_ENGINE_KEY={KEY.text}\n")
    home.environment_file.chmod(0o644)
    provider = EnvironmentKey(in_environment(home))

    with pytest.raises(InvalidConfig, match="chmod 600"):
        provider.find(header(provider, KEY))


def test_while_keys_change_both_open_and_the_next_one_seals(home: Home) -> None:
    variables = {"TRADE_ENGINE_KEY": KEY.text, "TRADE_ENGINE_NEXT_KEY": NEXT_KEY.text}
    provider = EnvironmentKey(in_environment(home, **variables))

    assert provider.make()[0] == NEXT_KEY
    assert [provider.find(header(provider, key)) for key in (KEY, NEXT_KEY)] == [KEY, NEXT_KEY]


def test_systemd_hands_over_the_key_and_the_passphrase(home: Home, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("credentials")
    write_private(folder / "trade-engine-key", KEY.text + "\n")
    write_private(folder / "trade-engine-passphrase", WORDS + "\n")
    around = in_environment(home, CREDENTIALS_DIRECTORY=str(folder))

    assert SystemdKey(around).make()[0] == KEY
    key, parameters = Passphrase(around, QUICK).make()
    given = Passphrase(in_environment(home, TRADE_ENGINE_PASSPHRASE=WORDS))
    assert given.find(header(given, key, parameters)) == key


@pytest.mark.parametrize("provider", [EnvironmentKey, SystemdKey])
def test_without_a_given_key_nothing_else_is_tried(home: Home, provider: type[EnvironmentKey | SystemdKey]) -> None:
    silent = provider(in_environment(home))

    with pytest.raises(InvalidConfig, match="no key is given"):
        silent.make()
    with pytest.raises(InvalidConfig, match="here is none"):
        silent.find(header(silent, KEY))


@pytest.mark.parametrize("text", ["CANARY", base64.b64encode(b"CANARY").decode()])
def test_a_given_text_that_is_no_key_is_refused_without_being_shown(home: Home, text: str) -> None:
    with pytest.raises(InvalidConfig) as caught:
        EnvironmentKey(in_environment(home, TRADE_ENGINE_KEY=text)).make()
    assert text not in str(caught.value) + repr(caught.value.__context__)


def test_every_provider_goes_by_its_name(around: Surroundings) -> None:
    assert [provider_named(name, around).name for name in PROVIDERS] == list(PROVIDERS)
    with pytest.raises(InvalidConfig, match="keyring"):
        provider_named("keyring", around)


def test_the_key_file_is_private_whatever_the_umask(around: Surroundings) -> None:
    before = os.umask(0)
    try:
        KeyFile(around).make()
    finally:
        os.umask(before)

    path = key_file_path(around)
    assert [stat.S_IMODE(one.stat().st_mode) for one in (path, path.parent)] == [0o600, 0o700]
