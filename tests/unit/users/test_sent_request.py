"""An `Idempotency-Key` stands for one request in all its parts."""

from dataclasses import replace
from typing import Any

import pytest

from docustore.users.sent_request import SentRequest

SENT = SentRequest(
    method="POST", path="/users", query="", media_type="application/json", body={"email": "a@b.io", "tags": ["x"]}
)


@pytest.mark.parametrize(
    "change",
    [
        {"method": "PUT"},
        {"path": "/people"},
        {"query": "a=1"},
        {"media_type": "application/json; charset=utf-8"},
        {"body": {"email": "A@b.io", "tags": ["x"]}},
        {"body": {"email": "a@b.io", "tags": []}},
        {"body": {"email": "a@b.io", "tags": ["x"], "first_name": ""}},
        {"body": {**SENT.body, "password": "correct horse"}},
    ],
)
def test_any_difference_is_another_request(change: dict[str, Any]) -> None:
    assert replace(SENT, **change).digest != SENT.digest


@pytest.mark.parametrize(
    "change",
    [
        {"body": {"tags": ["x"], "email": "a@b.io"}},
        {"media_type": "Application/JSON"},
        {"body": {**SENT.body, "password": None}},
    ],
)
def test_equal_json_is_the_same_request(change: dict[str, Any]) -> None:
    assert replace(SENT, **change).digest == SENT.digest


def test_password_is_not_in_the_digest() -> None:
    """The digest is fast, so a password could be guessed from it."""
    one, other = ({**SENT.body, "password": word} for word in ("correct horse", "battery staple"))

    assert replace(SENT, body=one).digest == replace(SENT, body=other).digest
