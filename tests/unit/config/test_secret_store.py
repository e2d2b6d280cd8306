import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.secret_store import SEALED_PREFIX, CannotOpen, SecretKey, is_sealed, seal, unseal
from core.model.failures import InvalidInput

KEY = SecretKey(bytes(range(32)))
FILE, NAME = "credentials.json", "bybit.api_secret"


@given(st.text(max_size=100))
def test_what_was_sealed_opens_in_its_own_place_and_does_not_show(text: str) -> None:
    sealed = seal(KEY, text, FILE, NAME)

    assert is_sealed(sealed)
    assert len(text) < 6 or text not in sealed
    assert unseal(KEY, sealed, FILE, NAME) == text


@pytest.mark.parametrize(
    ("key", "file", "name"),
    [
        (KEY, FILE, "bybit.api_key"),
        (KEY, "other.json", NAME),
        (KEY, FILE + "\x1fbybit", ".api_secret"),
        (SecretKey(bytes(32)), FILE, NAME),
    ],
)
def test_it_opens_nowhere_else_and_with_no_other_key(key: SecretKey, file: str, name: str) -> None:
    sealed = seal(KEY, "CANARY", FILE, NAME)

    with pytest.raises(CannotOpen):
        unseal(key, sealed, file, name)


def test_every_single_flipped_bit_is_noticed() -> None:
    blob = base64.b64decode(seal(KEY, "CANARY", FILE, NAME).removeprefix(SEALED_PREFIX))

    for position in range(len(blob) * 8):
        torn = bytearray(blob)
        torn[position // 8] ^= 1 << position % 8
        with pytest.raises(CannotOpen):
            unseal(KEY, SEALED_PREFIX + base64.b64encode(torn).decode(), FILE, NAME)


@pytest.mark.parametrize("text", ["", "AA==", "%%%", base64.b64encode(bytes(12)).decode()])
def test_damaged_text_does_not_open(text: str) -> None:
    with pytest.raises(CannotOpen):
        unseal(KEY, SEALED_PREFIX + text, FILE, NAME)


def test_the_same_text_is_never_sealed_alike() -> None:
    assert len({seal(KEY, "CANARY", FILE, NAME) for _ in range(50)}) == 50


def test_a_key_is_read_back_and_shows_its_id_alone() -> None:
    assert SecretKey.parse(KEY.text + "\n") == KEY
    assert KEY.text not in repr(KEY)
    assert SecretKey.random().key_id != KEY.key_id


@pytest.mark.parametrize("text", ["", "CANARY", base64.b64encode(b"CANARY").decode()])
def test_what_is_no_key_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        SecretKey.parse(text)

    assert "CANARY" not in str(caught.value)
