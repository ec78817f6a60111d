from datetime import UTC, datetime
from typing import Any

import pytest

from docustore.users.cause import Cause
from docustore.users.models import User
from docustore.users.schemas import parse_user
from docustore.users.views import user_view
from docustore.users.writes import new_user, stamped
from indexes.validators import validator_of

NOW = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cause", "stored"),
    [
        (Cause(actor="api:k", request_id="r"), {"actor": "api:k", "request_id": "r"}),
        (Cause(actor="etl:crm", run_id="1", reason="x"), {"actor": "etl:crm", "run_id": "1", "reason": "x"}),
    ],
)
def test_unknown_parts_are_absent(cause: Cause, stored: Any) -> None:
    assert cause.as_document() == stored


def test_write_replaces_the_whole_cause() -> None:
    """A part of an earlier cause must not stay beside the parts of the new one."""
    before = {"version": 1, "cause": {"actor": "etl:crm", "run_id": "1"}}

    fields = stamped(before, {"status": "inactive"}, now=NOW, cause=Cause(actor="api:k", request_id="r"))

    assert (fields["updated_by"], fields["cause"]) == ("api:k", {"actor": "api:k", "request_id": "r"})


def test_response_has_no_cause() -> None:
    user = new_user(parse_user({"email": "a@b.io"}), now=NOW, cause=Cause(actor="api:k"), password_hash=None)

    assert user["cause"] == {"actor": "api:k"}
    assert "cause" not in user_view(user).__struct_fields__


def test_validator_accepts_users_without_a_cause() -> None:
    schema = validator_of(User)["$jsonSchema"]

    assert "cause" not in schema.get("required", ())
    assert schema["properties"]["cause"]["bsonType"] == ["object", "null"]
    assert schema["properties"]["cause"]["required"] == ["actor"]
