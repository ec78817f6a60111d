"""The order of versions of one identity, and their digests."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docustore.users.fields import HASH_VERSION, completed_fields
from docustore.users.versions import content_hash, hash_version, is_newer_version

NOW = datetime(2026, 5, 1, tzinfo=UTC)
LATER = NOW + timedelta(milliseconds=1)


def values(**fields: Any) -> dict[str, Any]:
    return completed_fields({"email": "ada@example.org", "first_name": "Ada", **fields})


def wins_over(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return is_newer_version(NOW, one, than_modified_at=NOW, than_values=other, than_hash=content_hash(other))


@pytest.mark.parametrize(
    ("modified_at", "than", "is_expected"), [(NOW, NOW, True), (LATER, NOW, True), (NOW, LATER, False)]
)
def test_later_version_wins(modified_at: datetime, than: datetime, *, is_expected: bool) -> None:
    is_newer = is_newer_version(
        modified_at, values(), than_modified_at=than, than_values=values(), than_hash=content_hash(values())
    )

    assert is_newer is is_expected


@pytest.mark.parametrize(
    ("status", "than", "is_expected"),
    [
        ("inactive", "active", True),
        ("suspended", "inactive", True),
        ("suspended", "active", True),
        ("active", "inactive", False),
        ("inactive", "suspended", False),
    ],
)
def test_more_restrictive_status_wins(status: str, than: str, *, is_expected: bool) -> None:
    """To let a user act by mistake costs more than the opposite; other fields do not matter."""
    assert wins_over(values(status=status, tags=[]), values(status=than, tags=["z"])) is is_expected


@pytest.mark.parametrize(
    "field",
    [{"tags": ["vip"]}, {"last_name": "L"}, {"profile": {"bio": "b"}}, {"created_at": NOW}, {"roles": ["a"]}],
)
def test_version_with_a_new_field_wins(field: dict[str, Any]) -> None:
    """Otherwise an unchanged record with one new field would be stale, and the field never filled in."""
    before = values()
    before.pop(next(iter(field)))

    assert wins_over(values(**field), before)
    assert not wins_over(before, values(**field))


FIELDS = st.fixed_dictionaries(
    {
        "first_name": st.sampled_from(["", "Ada", "Bo"]),
        "tags": st.sampled_from([[], ["a"], ["b"]]),
        "profile": st.sampled_from([{}, {"bio": "x"}, {"location": "y"}]),
    }
)


@given(FIELDS, FIELDS)
def test_new_field_keeps_the_order_of_old_versions(one: dict[str, Any], other: dict[str, Any]) -> None:
    """The decisions of old processes between two versions must hold after an upgrade."""
    older_one, older_other = values(**one), values(**other)
    for older in (older_one, older_other):
        del older["roles"]

    assert wins_over(older_one, older_other) == wins_over(values(**one), values(**other))


@given(FIELDS, FIELDS)
def test_one_of_two_different_versions_wins(one: dict[str, Any], other: dict[str, Any]) -> None:
    is_first, is_second = wins_over(values(**one), values(**other)), wins_over(values(**other), values(**one))

    assert is_first or is_second
    assert (is_first and is_second) == (values(**one) == values(**other))


def test_value_of_another_client_can_be_compared() -> None:
    assert wins_over(values(first_name="Ada"), values(first_name={1, 2})) in {True, False}


def test_digest_names_its_version() -> None:
    assert content_hash(values()).startswith(f"{HASH_VERSION}:")
    assert hash_version(content_hash(values())) == HASH_VERSION


@pytest.mark.parametrize(("content", "version"), [("", 0), ("0" * 24, 1), ("2:" + "0" * 24, 2), ("10:ab", 10)])
def test_version_of_a_digest(content: str, version: int) -> None:
    assert hash_version(content) == version


def test_unknown_status_ranks_as_active() -> None:
    """Another client may write any word; it must not hide that the user may not act."""
    assert not wins_over(values(status="retired"), values(status="inactive"))
