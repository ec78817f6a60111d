"""The reason of a failed start is found in the server's log."""

from pathlib import Path

import pytest

from docustore.embedded.server_log import has_no_space_left, last_error

MONGOD_START = '{"s":"I","id":20698,"ctx":"-","msg":"***** SERVER RESTARTED *****"}'
MONGOD_FULL = (
    '{"s":"E","id":22435,"msg":"WiredTiger error message","attr":{"error":28,"message":"No space left on device"}}'
)
MONGOD_LAST = '{"s":"I","id":23138,"msg":"Shutting down","attr":{"exitCode":100}}'
VALKEY_START = "81:C 26 Nov 2026 12:00:00.000 * oO0OoO0OoO0Oo Valkey is starting oO0OoO0OoO0Oo"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "server.log"


def write(log: Path, *lines: str) -> Path:
    log.write_text("\n".join(lines) + "\n")
    return log


def test_first_error_of_mongod_is_named(log: Path) -> None:
    failed = '{"s":"F","msg":"Fatal assertion","attr":{}}'
    assert last_error(write(log, MONGOD_START, MONGOD_FULL, failed, MONGOD_LAST)) == "WiredTiger error message 28"


def test_warning_of_valkey_is_named(log: Path) -> None:
    line = "81:M 26 Nov 2026 12:00:00.000 # Fatal error loading the DB, check server logs. Exiting."
    assert last_error(write(log, VALKEY_START, line)) == "Fatal error loading the DB, check server logs. Exiting."


def test_only_the_last_start_counts(log: Path) -> None:
    assert has_no_space_left(write(log, MONGOD_START, MONGOD_FULL))
    assert not has_no_space_left(write(log, MONGOD_START, MONGOD_FULL, MONGOD_START, MONGOD_LAST))


def test_log_without_an_error_gives_its_last_line(log: Path) -> None:
    assert last_error(write(log, MONGOD_START, MONGOD_LAST)) == MONGOD_LAST


def test_missing_log_gives_nothing(log: Path) -> None:
    assert last_error(log) == ""
    assert not has_no_space_left(log)
