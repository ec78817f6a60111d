import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from docustore.embedded.data_dir import claimed
from docustore.embedded.endpoints_file import Endpoints, EndpointsFile, read_endpoints

HERE = Endpoints(
    http_url="http://127.0.0.1:8000",
    mongodb_url="mongodb://127.0.0.1:1/?replicaSet=rs0",
    redis_url="redis://127.0.0.1:2/0",
    pids={},
)
NO_PIDS = dict.fromkeys(("supervisor", "api", "worker", "listener", "mongod", "valkey"))


@pytest.fixture
def dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_endpoints_are_read_back_while_we_live(tmp_path: Path) -> None:
    file = EndpointsFile(tmp_path)
    file.note_start("api", 1)

    with claimed(tmp_path):
        written = file.publish(HERE)

        assert read_endpoints(tmp_path) == written
    assert written.http_url == HERE.http_url
    assert written.pids == {**NO_PIDS, "supervisor": os.getpid(), "api": 1}


def test_a_later_start_is_written(tmp_path: Path) -> None:
    file = EndpointsFile(tmp_path)
    with claimed(tmp_path):
        file.publish(HERE)
        file.note_start("worker", 7)

        found = read_endpoints(tmp_path)

    assert found is not None
    assert found.pids["worker"] == 7


def test_nothing_is_written_before_it_is_ready(tmp_path: Path) -> None:
    """Readers take the file as the promise that the service is ready."""
    EndpointsFile(tmp_path).note_start("api", 1)

    assert not (tmp_path / "endpoints.json").exists()


def test_only_the_owner_reads_endpoints(tmp_path: Path) -> None:
    EndpointsFile(tmp_path).publish(HERE)

    assert (tmp_path / "endpoints.json").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["endpoints.json"]


def test_endpoints_of_a_dead_supervisor_are_ignored(tmp_path: Path, dead_pid: int) -> None:
    with claimed(tmp_path):
        file = EndpointsFile(tmp_path)
        file.note_start("supervisor", dead_pid)
        file.publish(HERE)

        assert read_endpoints(tmp_path) is None


def test_endpoints_in_a_free_folder_are_ignored(tmp_path: Path) -> None:
    """Another program may have the process id, but not the lock of the folder."""
    with claimed(tmp_path):
        EndpointsFile(tmp_path).publish(HERE)

    assert read_endpoints(tmp_path) is None


@pytest.mark.parametrize("text", ["", "{}", "[]", json.dumps({"http_url": "x", "pids": 1})])
def test_unreadable_endpoints_are_ignored(tmp_path: Path, text: str) -> None:
    (tmp_path / "endpoints.json").write_text(text)

    with claimed(tmp_path):
        assert read_endpoints(tmp_path) is None


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("mongodb://docustore:secret@127.0.0.1:1/?a=b", "mongodb://docustore:***@127.0.0.1:1/?a=b"),
        ("mongodb://u:p@ss:w@a:1,b:2/?authSource=admin", "mongodb://u:***@a:1,b:2/?authSource=admin"),
        ("redis://:secret@valkey:6379/0", "redis://:***@valkey:6379/0"),
        ("redis://valkey:6379/0?password=secret&db=1", "redis://valkey:6379/0?password=***&db=1"),
        ("mongodb://h/?tlsCertificateKeyFilePassword=secret", "mongodb://h/?tlsCertificateKeyFilePassword=***"),
        ("mongodb://a:1,b:2/?appName=x@y", "mongodb://a:1,b:2/?appName=x@y"),
        ("mongodb://user@host/", "mongodb://user@host/"),
        ("", ""),
    ],
)
def test_masked_endpoints_have_no_password(url: str, shown: str) -> None:
    endpoints = replace(HERE, mongodb_url=url, redis_url=url)

    assert endpoints.masked() == replace(HERE, mongodb_url=shown, redis_url=shown)


def test_removing_endpoints_twice_is_no_error(tmp_path: Path) -> None:
    file = EndpointsFile(tmp_path)
    file.publish(HERE)

    file.remove()
    file.remove()

    assert not (tmp_path / "endpoints.json").exists()
