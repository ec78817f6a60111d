"""The audit log through the API: pages, filters, rights."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson.timestamp import Timestamp

from docustore.audit.log import AUDIT_LOG
from docustore.database import Database
from docustore.security.models import Scope
from tests.integration.api.conftest import Client

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
ACTORS = ("cli:ada", "api:k1")
ACTIONS = ("changes.pause", "changes.reset", "history.compact")


@pytest.fixture
async def admin(anonymous: Client, keys: dict[Scope, str]) -> Client:
    anonymous.headers["authorization"] = f"Bearer {keys[Scope.ADMIN]}"
    return anonymous


@pytest.fixture
async def entries(database: Database) -> None:
    """Twelve entries; three share each time."""
    await database[AUDIT_LOG].insert_many(
        [
            {
                "at": NOON + timedelta(hours=n // 3), "actor": ACTORS[n % 2], "action": ACTIONS[n % 3],
                "target": f"t{n % 4}", "before": None, "after": {"n": n},
            }
            for n in range(12)
        ]
    )  # fmt: skip


async def pages(admin: Client, **query: Any) -> list[int]:
    found: list[int] = []
    cursor = None
    while True:
        params = query | ({} if cursor is None else {"cursor": cursor})
        page = (await admin.get("/audit", params=params)).json()
        found += [entry["after"]["n"] for entry in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            return found


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, [11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0]),
        ({"actor": "cli:ada"}, [10, 8, 6, 4, 2, 0]),
        ({"action": "changes.reset"}, [10, 7, 4, 1]),
        ({"target": "t1", "actor": "api:k1"}, [9, 5, 1]),
        ({"since": "2026-05-01T13:00:00Z", "until": "2026-05-01T14:00:00Z"}, [5, 4, 3]),
        ({"action": "history.compact", "until": "2026-05-01T14:00:00Z"}, [5, 2]),
        ({"actor": "unknown"}, []),
    ],
)
async def test_filters_and_pages(admin: Client, entries: None, query: dict[str, Any], expected: list[int]) -> None:
    assert await pages(admin, **query) == expected
    assert await pages(admin, **query, limit=2) == expected


async def test_entry_has_its_shape(admin: Client, database: Database) -> None:
    """Facts may hold types that JSON does not have."""
    facts = {"cluster_time": Timestamp(5, 1), "at": NOON, "n": None}
    await database[AUDIT_LOG].insert_one(
        {"at": NOON, "actor": "cli:ada", "action": "changes.seek", "target": "t", "before": facts, "after": None}
    )

    [entry] = (await admin.get("/audit")).json()["items"]

    assert entry.keys() == {"id", "at", "actor", "action", "target", "before", "after"}
    assert entry["at"] == "2026-05-01T12:00:00Z"
    assert entry["before"] == {"cluster_time": "Timestamp(5, 1)", "at": "2026-05-01T12:00:00Z", "n": None}
    assert entry["after"] is None


@pytest.mark.parametrize("scope", [Scope.READ, Scope.WRITE])
async def test_audit_needs_admin(anonymous: Client, keys: dict[Scope, str], scope: Scope) -> None:
    response = await anonymous.get("/audit", headers={"authorization": f"Bearer {keys[scope]}"})

    assert response.status_code == 403


async def test_cursor_of_another_filter_is_refused(admin: Client, entries: None) -> None:
    cursor = (await admin.get("/audit?limit=1")).json()["next_cursor"]

    assert (await admin.get("/audit", params={"cursor": cursor, "actor": "cli:ada"})).status_code == 400
