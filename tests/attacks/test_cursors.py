"""Cursors that a client has changed."""

import string

from tests.integration.api.conftest import Client, create

ALPHABET = string.ascii_letters + string.digits + "-_"


async def test_cursor_with_one_changed_character_is_refused(api: Client) -> None:
    """Another character in the last place may mean the same bytes."""
    for number in range(3):
        await create(api, f"u{number}@example.org")
    page = (await api.get("/users", params={"limit": 1})).json()
    cursor = page["next_cursor"]

    statuses = set()
    for place in range(len(cursor) - 1):
        other = ALPHABET[(ALPHABET.index(cursor[place]) + 1) % len(ALPHABET)]
        changed = cursor[:place] + other + cursor[place + 1 :]
        statuses.add((await api.get("/users", params={"limit": 1, "cursor": changed})).status_code)

    assert statuses == {400}


async def test_cursor_that_is_no_cursor_is_refused(api: Client) -> None:
    for cursor in ("", "=", "%", "AAAA", "A" * 512, "A" * 10_000, "é", "\n", "null", '{"$ne":1}'):
        response = await api.get("/users", params={"cursor": cursor})
        assert response.status_code in {400, 414}, cursor
