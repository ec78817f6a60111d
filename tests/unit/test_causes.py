"""A known failure is one sentence that names the next step."""

import errno
from pathlib import Path

import pytest
from pymongo.errors import AutoReconnect, OperationFailure, ServerSelectionTimeoutError, WriteConcernError
from redis.exceptions import AuthenticationError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError

from docustore import causes
from docustore.causes import cause_of
from docustore.errors import ConfigurationError

SECRET = "mongodb://service:secret@127.0.0.1"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConfigurationError(setting="DOCUSTORE_PORT", problem="taken"), "DOCUSTORE_PORT"),
        (OSError(errno.ENOSPC, "No space left", "/data/file"), "the disk of /data/file is full"),
        (OSError(errno.EDQUOT, "Quota"), "the disk is full"),
        (OSError(errno.EFBIG, "File too large", "/data/file"), "the file /data/file is larger than allowed"),
        (OperationFailure("x", 14031), "the disk of MongoDB is full"),
        (OperationFailure(SECRET, 18), "MongoDB refused the user or the password"),
        (OperationFailure("x", 13, {"codeName": "Unauthorized"}), "lacks a right"),
        (ServerSelectionTimeoutError(SECRET), "MongoDB does not answer"),
        (AutoReconnect(SECRET), "MongoDB does not answer"),
        (WriteConcernError(SECRET, 64), "too slow or changed its primary (server code 64)"),
        (RedisConnectionError(SECRET), "Valkey does not answer"),
        (AuthenticationError("invalid username-password pair"), "Valkey refused the user"),
        (ResponseError("MISCONF Errors writing to the AOF file"), "its disk is full"),
        (ExceptionGroup("startup", [AutoReconnect(SECRET)]), "MongoDB does not answer"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_known_failure_is_one_line_without_secrets(error: BaseException, words: str) -> None:
    found = cause_of(error)

    assert found is not None
    assert words in found
    assert "\n" not in found
    assert "secret" not in found


@pytest.mark.parametrize(
    "error",
    [
        ValueError("what?"),
        OSError(errno.EPERM, "Operation not permitted"),
        OperationFailure("x", 2),
        ResponseError("ERR syntax error"),
        ExceptionGroup("two", [AutoReconnect("a"), AutoReconnect("b")]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_unknown_failure_has_no_sentence(error: BaseException) -> None:
    assert cause_of(error) is None


@pytest.mark.parametrize("error", [AutoReconnect("x"), RedisConnectionError("x")])
def test_full_disk_explains_a_silent_server(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "full" not in str(cause_of(error, data_dir=tmp_path))
    assert "full" not in str(cause_of(error, data_dir=tmp_path / "missing"))

    monkeypatch.setattr(causes, "FULL_DISK_BYTES", 1 << 62)

    assert f"the disk of {tmp_path} is full" in str(cause_of(error, data_dir=tmp_path))
