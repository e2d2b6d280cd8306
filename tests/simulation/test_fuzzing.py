"""Spoiled bytes at every door: read or refused as declared, and a parser that does anything else is caught."""

import json
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest
from typer.testing import CliRunner

from commands.fuzz import app
from core.model.failures import EngineError, InvalidInput, StorageFailure
from simulation import fuzz_replies, fuzz_targets
from simulation.cpu_limit import Hang, cpu_limit
from simulation.fuzz_replies import ReplyTarget, reply_targets
from simulation.fuzz_targets import ParserTarget, parser_targets
from simulation.fuzzing import Target, all_targets, try_inputs
from simulation.mutations import mutations

INPUTS = 250
SEED = 20261125
PARSERS = {target.name: target for target in parser_targets()}
NEEDS_A_KEY = b'"encryption"'


@pytest.mark.parametrize("target", all_targets().values(), ids=lambda target: target.name)
def test_whatever_comes_is_read_or_refused_as_declared(target: Target) -> None:
    report = try_inputs(target, SEED, INPUTS)

    assert report.failure is None
    assert report.inputs == INPUTS


@pytest.mark.full
@pytest.mark.parametrize("target", all_targets().values(), ids=lambda target: target.name)
def test_whatever_comes_is_read_or_refused_as_declared_many_times(target: Target) -> None:
    assert try_inputs(target, SEED + 1, 20_000).failure is None


@pytest.mark.parametrize("target", PARSERS.values(), ids=lambda target: target.name)
def test_the_documents_that_are_spoiled_were_valid(target: ParserTarget) -> None:
    valid = [document for document in target.documents if NEEDS_A_KEY not in document]

    assert valid
    for document in valid:
        target.parse(document)


@pytest.mark.parametrize("name", [target.name for target in reply_targets()])
def test_every_call_of_an_exchange_has_an_answer_that_is_spoiled(name: str) -> None:
    calls = {document.split(b" ")[0].decode() for document in ReplyTarget(name).seeds()}

    are_no_settings_everywhere = {"settings", "leverage"}
    assert set(fuzz_replies.CALLS_MADE) - calls <= are_no_settings_everywhere


@pytest.mark.parametrize(
    "row", [b"ledgers\n{\xff}", b"meta\n\xff", b"meta\nx", b"events\n{", b"frames\n" + b"[" * 9000]
)
def test_a_damaged_row_of_the_journal_is_a_storage_failure(row: bytes) -> None:
    with pytest.raises(StorageFailure, match="cannot be read"):
        PARSERS["journal"].parse(row)


@pytest.mark.parametrize("body", [b'{"5abc":' + b"[" * 9000, b'{"5abc":{"tier":' + b"[" * 9000 + b"]" * 9000 + b"}}"])
def test_an_sn8_answer_nested_too_deeply_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidInput):
        PARSERS["sn8"].parse(body)


PLANTED: dict[str, tuple[str, Callable[..., object]]] = {
    "webhook": ("parse_message", lambda body, *_: json.loads(body)["symbol"]),
    "frame": ("parse_frame", lambda content, _path: json.loads(content)),
    "journal": ("_read_journal", lambda content: int(content.partition(b"\n")[2], 16)),
    "weights": ("parse_weights", lambda content, _path: json.loads(content)[0]["leverage"] + 1),
    "mappings": ("parse_mappings", lambda content, _path: content.decode()),
    "credentials": ("parse_outline", lambda content, _path: json.loads(content)["bybit"]),
    "settings": ("parse_settings", lambda _home, contents: json.loads(contents.file)),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_parser_that_raises_what_it_does_not_declare_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzz_targets, *PLANTED[name])
    target = next(target for target in parser_targets() if target.name == name)

    failure = try_inputs(target, SEED, INPUTS).failure

    assert failure
    assert target.first_failure([failure.content]) == failure
    assert len(failure.content) <= max(map(len, target.documents))


def test_an_sn8_reader_that_raises_what_it_does_not_declare_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    async def decode(body: bytes, _pairs: frozenset[str]) -> object:
        return json.loads(body)["5abc"]

    monkeypatch.setattr(fuzz_targets, "decode_payload", decode)

    assert try_inputs(PARSERS["sn8"], SEED, INPUTS).failure


@pytest.mark.parametrize("name", [target.name for target in reply_targets()])
def test_an_adapter_that_lets_a_malformed_answer_out_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("account_processors.replies.MalformedReply", ValueError)

    target = ReplyTarget(name)

    assert target.first_failure(islice(mutations(target.seeds(), SEED), INPUTS))


def test_a_hang_is_a_failure() -> None:
    def spin(_content: bytes) -> None:
        with cpu_limit(0.05):
            while True:
                pass

    failure = ParserTarget("spins", (b"",), spin, (EngineError,)).first_failure([b"x"])

    assert failure
    assert Hang.__name__ in failure.error


def test_the_same_seed_spoils_alike_and_another_one_does_not() -> None:
    def some(seed: int) -> list[bytes]:
        made = mutations([b'{"a": 1, "b": "x"}'], seed)
        return [next(made) for _ in range(100)]

    assert some(1) == some(1) != some(2)
    assert len(set(some(1))) > 80


def test_the_command_keeps_what_failed_and_replays_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    words = ["--target", "weights", "--minutes", "0"]
    assert CliRunner().invoke(app, words).exit_code == 0
    monkeypatch.setattr(fuzz_targets, *PLANTED["weights"])

    found = CliRunner().invoke(app, [*words, "--folder", str(tmp_path)])

    kept = tmp_path / "fuzz-weights.bin"
    assert found.exit_code == 1
    assert f"./engine fuzz --target weights --replay {kept}" in found.stderr
    again = CliRunner().invoke(app, ["--target", "weights", "--replay", str(kept), "--json"])
    assert again.exit_code == 1
    assert json.loads(again.stdout)[0]["failure"]["content"] == kept.read_bytes().hex()
