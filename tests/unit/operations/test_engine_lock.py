import subprocess
import sys
from pathlib import Path

import pytest

from operations.engine_lock import AlreadyRunning, EngineLock


def test_a_second_engine_is_refused_with_the_holders_process_id(tmp_path: Path) -> None:
    path = tmp_path / "state" / "engine.lock"
    script = (
        "import sys; from pathlib import Path; from operations.engine_lock import EngineLock\n"
        "with EngineLock(Path(sys.argv[1])):\n    sys.stdout.write('held\\n'); sys.stdout.flush(); sys.stdin.read()"
    )
    command = [sys.executable, "-c", script, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:  # noqa: S603 - our own code
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(AlreadyRunning, match=f"process {holder.pid}"), EngineLock(path):
            pass
        holder.kill()

    with EngineLock(path):
        assert path.read_text().strip().isdigit()
