"""A test run leaves no process and little on the disk."""

import subprocess
import sys
from pathlib import Path

from tests.left_behind import MOST_BYTES, complaints


def test_small_files_are_no_complaint(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"x" * 10_000)

    assert complaints(tmp_path) == []


def test_data_of_a_server_are_named(tmp_path: Path) -> None:
    data = tmp_path / "mongod" / "journal"
    data.parent.mkdir()
    with data.open("wb") as file:
        file.write(b"x" * (MOST_BYTES + 1_000_000))

    (complaint,) = complaints(tmp_path)

    assert complaint.startswith("201 MB are left")


def test_process_that_still_runs_is_named(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "input()", str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as left:
        (complaint,) = complaints(tmp_path)

    assert f"a process is left: {left.pid}: " in complaint
