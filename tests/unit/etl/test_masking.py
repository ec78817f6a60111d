"""No secret of an upstream system is stored with a quarantined record."""

import pytest

from docustore.etl.masking import is_secret, masked

SECRET_NAMES = [
    "password", "Password", "passwordHash", "password_hash", "hashed-password", "Passwort", "user_passwd", "pwd",
    "api_token", "accessToken", "apiKey", "api-key", "private_key", "client_secret", "credentials", "hash", "salt",
    "PIN", "otp", "pass", "pw", "passphrase", "passcode", "AWS.access.key",
]  # fmt: skip


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_secret_names_are_recognised(name: str) -> None:
    assert is_secret(name)


@pytest.mark.parametrize(
    "name", ["id", "email", "first_name", "compass", "passport", "pinned", "hashtag", "key", ""]
)
def test_other_names_are_not_secret(name: str) -> None:
    assert not is_secret(name)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"id": 1, "password": "a b"}', '{"id":1,"password":"***"}'),
        ('{"a": [{"token": "x", "n": 1}, 2]}', '{"a":[{"token":"***","n":1},2]}'),
        ('{"secret": {"any": ["x"]}, "b": 2}', '{"secret":"***","b":2}'),
        ('{"auth": {"api_key": 123456}}', '{"auth":{"api_key":"***"}}'),
        # Nothing is masked, so the text stays as it was sent.
        ('{"id":  1, "email": "a"}', '{"id":  1, "email": "a"}'),
        ('{"password": null,  "token": ""}', '{"password": null,  "token": ""}'),
        ("[1,  2]", "[1,  2]"),
        ("1;ada@example.org", "1;ada@example.org"),
    ],
)
def test_values_of_secret_fields_are_replaced(text: str, expected: str) -> None:
    assert masked(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"x": NaN, "password": "hunter2", "y": 1}', '{"x": NaN, "password": "***", "y": 1}'),
        ('{"password" : "a\\"hunter2", "token": 17, "y": "z', '{"password" : "***", "token": "***", "y": "z'),
        ('{"password": "hunter2 cut', '{"password": "***"'),
        ('{"x": NaN, "secret": {"a": "hunter2"}, "y": 1}', '{"x": NaN, "secret": "***"'),
        ('{"x": NaN, "secret": ["hunter2"], "y": 1}', '{"x": NaN, "secret": "***"'),
        ('{"x": NaN, "token":hunter2}', '{"x": NaN, "token":"***"}'),
    ],
)
def test_broken_text_is_masked_by_its_keys(text: str, expected: str) -> None:
    assert masked(text) == expected


def test_deep_nesting_is_masked() -> None:
    text = '{"a":' * 5000 + '{"password":"hunter2"}' + "}" * 5000

    assert "hunter2" not in masked(text)
