import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from docustore.embedded.data_dir import claimed
from docustore.embedded.endpoints import Endpoints, read_endpoints, remove_endpoints, write_endpoints

HERE = Endpoints(
    http_url="http://127.0.0.1:8000",
    mongodb_url="mongodb://127.0.0.1:1/?replicaSet=rs0",
    redis_url="redis://127.0.0.1:2/0",
    pids={"supervisor": os.getpid(), "api": 1, "worker": None},
)


@pytest.fixture
def dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_endpoints_are_read_back_while_we_live(tmp_path: Path) -> None:
    with claimed(tmp_path):
        write_endpoints(tmp_path, HERE)

        assert read_endpoints(tmp_path) == HERE


def test_only_the_owner_reads_endpoints(tmp_path: Path) -> None:
    write_endpoints(tmp_path, HERE)

    assert (tmp_path / "endpoints.json").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["endpoints.json"]


def test_endpoints_of_a_dead_supervisor_are_ignored(tmp_path: Path, dead_pid: int) -> None:
    with claimed(tmp_path):
        write_endpoints(tmp_path, replace(HERE, pids={"supervisor": dead_pid}))

        assert read_endpoints(tmp_path) is None


def test_endpoints_in_a_free_folder_are_ignored(tmp_path: Path) -> None:
    """The supervisor's id may be another program's by then; the folder's lock cannot be."""
    with claimed(tmp_path):
        write_endpoints(tmp_path, HERE)

    assert read_endpoints(tmp_path) is None


@pytest.mark.parametrize("text", ["", "{}", "[]", json.dumps({"http_url": "x", "pids": 1})])
def test_unreadable_endpoints_are_ignored(tmp_path: Path, text: str) -> None:
    (tmp_path / "endpoints.json").write_text(text)

    with claimed(tmp_path):
        assert read_endpoints(tmp_path) is None


def test_removing_endpoints_twice_is_no_error(tmp_path: Path) -> None:
    write_endpoints(tmp_path, HERE)

    remove_endpoints(tmp_path)
    remove_endpoints(tmp_path)

    assert read_endpoints(tmp_path) is None
