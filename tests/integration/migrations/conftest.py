"""Users of the shape from before the migrations, and options to migrate them."""

from typing import Any

import pytest
from bson import ObjectId

from docustore.database import Database
from docustore.migrations.health import Limits
from docustore.migrations.ledger import Record
from docustore.migrations.migration import Migration, Phase, Step
from docustore.migrations.plan import Catalog
from docustore.migrations.registry import MIGRATIONS
from docustore.migrations.runner import RunOptions
from tests.listening import make_user

LIMITS = Limits(max_lag_s=60, min_free_mb=0)
DIGEST = "0" * 24
BOOKKEEPING = ("version", "updated_by", "cause")
ALL_NUMBERS = tuple(migration.number for migration in MIGRATIONS)


@pytest.fixture
def options() -> RunOptions:
    return RunOptions(by="tests", limits=LIMITS, batch_size=10)


def old_user(**fields: Any) -> dict[str, Any]:
    """A user with a digest without a version."""
    return {**make_user(), "updated_by": "etl:crm", **fields}


def foreign_user(email: str, **fields: Any) -> dict[str, Any]:
    """A user that another client wrote: no identity, no version."""
    return {"_id": ObjectId(), "email": email, "first_name": "Ada", "last_name": "Byron", **fields}


async def users_of(database: Database, *, less: tuple[str, ...] = BOOKKEEPING) -> dict[Any, dict[str, Any]]:
    found = database["users"].find(projection=dict.fromkeys(less, 0) or None)
    return {user["_id"]: user async for user in found}


def by_number(records: list[Record]) -> dict[int, Record]:
    return {record.number: record for record in records}


def one_migration(transform: Any) -> Catalog:
    """A catalogue of one migration, for what the real ones do not do."""
    step = Step(pending={}, transform=transform)
    migration = Migration(
        number=1,
        name="test",
        phase=Phase.MIGRATE,
        summary="",
        reads=("tags",),
        writes=("tags",),
        up=step,
        down=step,
    )
    return Catalog(migrations=(migration,), checksums={1: "x"})
