"""Users of the shape from before the migrations, and options to migrate them."""

from typing import Any

import pytest
from bson import ObjectId

from docustore.migrations.health import Limits
from docustore.migrations.runner import RunOptions
from tests.listening import make_user

LIMITS = Limits(max_lag_s=60, min_free_mb=0)
DIGEST = "0" * 24


@pytest.fixture
def options() -> RunOptions:
    return RunOptions(by="tests", limits=LIMITS, batch_size=10)


def old_user(**fields: Any) -> dict[str, Any]:
    """A user with a digest without a version."""
    return {**make_user(), "updated_by": "etl:crm", **fields}


def foreign_user(email: str, **fields: Any) -> dict[str, Any]:
    """A user that another client wrote: no identity, no version."""
    return {"_id": ObjectId(), "email": email, "first_name": "Ada", "last_name": "Byron", **fields}
