from typing import Any

import pytest

from docustore.users.password_limit import sets_password
from docustore.users.schemas import parse_user


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (parse_user({"email": "a@example.org", "password": "long enough"}), True),
        (parse_user({"email": "a@example.org"}), False),
        ({"password": "long enough"}, True),
        ({"password": None}, False),
        ({"first_name": "password"}, False),
        ([{"op": "add", "path": "/password", "value": "x"}], True),
        ([{"op": "replace", "path": "", "value": {}}], True),
        ([{"op": "add", "path": "/tags/-", "value": "x"}, "junk"], False),
        ([{"op": "add", "path": {}, "value": "x"}, {"path": ["/password"]}], False),
        ("password", False),
    ],
)
def test_write_with_a_password_is_recognised(body: Any, expected: bool) -> None:
    assert sets_password(body) is expected
