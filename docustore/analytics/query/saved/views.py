"""Saved queries as the API shows them. Pure."""

from datetime import datetime
from typing import Any

import msgspec

from docustore.analytics.query.saved.store import problems_of
from docustore.database import Document


class QueryProblem(msgspec.Struct, frozen=True):
    """A member of a saved query that this version of the language does not take."""

    pointer: str
    code: str
    detail: str


class SavedQueryView(msgspec.Struct, frozen=True):
    """One saved query; `problems` is empty if it can run."""

    name: str
    description: str
    query: dict[str, Any]
    owner: str
    version: int
    created_at: datetime
    updated_at: datetime
    updated_by: str
    problems: list[QueryProblem]


def saved_query_view(saved: Document) -> SavedQueryView:
    """Make the answer of one saved query."""
    return SavedQueryView(
        name=saved["_id"],
        description=saved["description"],
        query=saved["query"],
        owner=saved["owner"],
        version=saved["version"],
        created_at=saved["created_at"],
        updated_at=saved["updated_at"],
        updated_by=saved["updated_by"],
        problems=[
            QueryProblem(pointer=each.pointer, code=each.code, detail=each.detail) for each in problems_of(saved)
        ],
    )
