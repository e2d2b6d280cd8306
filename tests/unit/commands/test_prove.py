"""What `./engine prove` says of the build that it proved."""

import subprocess
from pathlib import Path

from commands.prove import describe_build

ROOT = Path(__file__).resolve().parents[3]


def test_evidence_names_its_commit_its_seed_and_whether_files_differed() -> None:
    git = ("git", "-C", str(ROOT))
    commit = subprocess.run((*git, "rev-parse", "HEAD"), capture_output=True, text=True, check=True)  # noqa: S603 - git
    status = subprocess.run((*git, "status", "--porcelain"), capture_output=True, text=True, check=True)  # noqa: S603 - git

    told = describe_build(hours=2.0, seed=7)

    assert told["commit"] == commit.stdout.strip()
    assert told["is_clean"] == (not [line for line in status.stdout.splitlines() if "docs/evidence" not in line])
    assert (told["hours"], told["seed"]) == (2.0, 7)
