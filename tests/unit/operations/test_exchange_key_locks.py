import os
import subprocess
import sys
from pathlib import Path

import pytest

from operations.engine_lock import AlreadyRunning
from operations.exchange_key_locks import ExchangeKeyLocks

SCRIPT = (
    "import sys; from operations.exchange_key_locks import ExchangeKeyLocks\n"
    "with ExchangeKeyLocks([('bybit', sys.argv[1])], is_abstract=sys.argv[2] == 'abstract'):\n"
    "    sys.stdout.write('held\\n'); sys.stdout.flush(); sys.stdin.read()"
)


@pytest.mark.parametrize("kind", ["abstract", "file"])
def test_a_second_engine_with_the_same_key_is_refused_with_the_holders_process_id(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    key, is_abstract = f"key-of-{os.getpid()}-{kind}", kind == "abstract"
    command = [sys.executable, "-c", SCRIPT, key, kind]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:  # noqa: S603 - our own code
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(AlreadyRunning, match=f"process {holder.pid}"):
            ExchangeKeyLocks([("bybit", key)], is_abstract=is_abstract).__enter__()
        with ExchangeKeyLocks([("mexc", key), ("bybit", "another")], is_abstract=is_abstract):
            pass
        holder.kill()

    with ExchangeKeyLocks([("bybit", key)], is_abstract=is_abstract):
        pass


def test_paper_accounts_lock_nothing_and_one_key_may_serve_two_accounts_of_one_engine() -> None:
    key = f"shared-{os.getpid()}"
    with (
        ExchangeKeyLocks([("bybit", ""), ("bybit", key), ("bybit", key)]),
        ExchangeKeyLocks([("bybit", "")]),
        pytest.raises(AlreadyRunning),
        ExchangeKeyLocks([("bybit", key)]),
    ):
        pass


def test_a_refused_set_of_locks_leaves_none_held() -> None:
    free, taken = f"free-{os.getpid()}", f"taken-{os.getpid()}"
    with ExchangeKeyLocks([("bybit", taken)]):
        with pytest.raises(AlreadyRunning):
            ExchangeKeyLocks([("bybit", free), ("bybit", taken)]).__enter__()
        with ExchangeKeyLocks([("bybit", free)]):
            pass
