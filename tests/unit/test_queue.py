"""The URL of the queue is parsed like the client library does."""

import pytest
from pydantic import ValidationError

from docustore.config import Settings
from docustore.errors import ConfigurationError
from docustore.queue import redis_settings


def settings_with(redis_url: str | None) -> Settings:
    return Settings(mongodb_url="mongodb://127.0.0.1", redis_url=redis_url)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://queue", {"host": "queue", "port": 6379, "database": 0, "ssl": False, "password": None}),
        ("redis://queue:7000/3", {"host": "queue", "port": 7000, "database": 3}),
        ("redis://queue?db=4", {"host": "queue", "database": 4}),
        ("redis://user:p%40ss@queue", {"username": "user", "password": "p@ss"}),
        ("unix:///run/valkey.sock", {"unix_socket_path": "/run/valkey.sock"}),
    ],
)
def test_url_is_parsed_like_the_client_library(url: str, expected: dict[str, object]) -> None:
    read = vars(redis_settings(settings_with(url)))

    assert {name: read[name] for name in expected} == expected


def test_certificates_of_a_private_ca_are_checked() -> None:
    read = redis_settings(settings_with("rediss://:secret@valkey:6379/0?ssl_ca_certs=/run/tls/ca.pem"))

    assert (read.ssl, read.ssl_ca_certs, read.ssl_cert_reqs) == (True, "/run/tls/ca.pem", "required")
    assert read.ssl_check_hostname is True


@pytest.mark.parametrize("url", [None, "valkey:6379", "http://valkey", "redis://valkey:port"])
def test_malformed_url_names_the_setting(url: str | None) -> None:
    with pytest.raises(ConfigurationError, match="DOCUSTORE_REDIS_URL"):
        redis_settings(settings_with(url))


def test_queue_url_without_mongodb_url_is_refused() -> None:
    with pytest.raises(ValidationError, match="DOCUSTORE_MONGODB_URL"):
        Settings(redis_url="redis://queue")
