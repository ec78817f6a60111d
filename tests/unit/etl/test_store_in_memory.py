"""Storing records without a server; a mock stands for the collection."""

from typing import Any

import pytest
from bson.codec_options import CodecOptions
from mongomock.collection import BulkOperationBuilder
from mongomock_motor import AsyncMongoMockClient

from indexes.users import USERS
from tests.store_cases import StoreCases


@pytest.fixture(autouse=True)
def _bulk_updates_of_this_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drop the option `sort`, which the mock does not know.

    The driver passes it with every update, here always as None.
    """
    add_update = BulkOperationBuilder.add_update

    def add_without_sort(self: BulkOperationBuilder, *args: Any, sort: None = None, **options: Any) -> None:
        assert sort is None
        add_update(self, *args, **options)

    monkeypatch.setattr(BulkOperationBuilder, "add_update", add_without_sort)


@pytest.fixture
async def database() -> Any:
    """A mock with our unique indexes; the store uses only calls that Motor has too."""
    aware = CodecOptions(tz_aware=True)
    mock = AsyncMongoMockClient(tz_aware=True).get_database("docustore", codec_options=aware)
    for index in USERS.indexes:
        if index.document.get("unique"):
            options = {name: value for name, value in index.document.items() if name not in {"key", "name"}}
            await mock.users.create_index(list(index.document["key"].items()), **options)
    return mock


class TestStoreInMemory(StoreCases):
    """The cases of `tests/store_cases.py`."""
