"""The filter of a search, as a value; no server."""

import pytest

from docustore.errors import InvalidQueryError
from docustore.users.profile import UserStatus
from docustore.users.search import TOTAL_CAP, SearchQuery
from docustore.users.search_filter import MAX_OFFSET, MAX_QUERY_CHARS, search_filter


def terms(text: str) -> list[str]:
    return [prefix["search_terms"]["$regex"] for prefix in search_filter(text, status=None)["$and"]]


def test_limits_are_those_of_the_contract() -> None:
    assert (TOTAL_CAP, MAX_OFFSET, MAX_QUERY_CHARS) == (1001, 1000, 200)


def test_search_starts_at_the_first_user() -> None:
    assert SearchQuery(text="ada").offset == 0


@pytest.mark.parametrize(("status", "which"), [(None, {}), (UserStatus.INACTIVE, {"status": "inactive"})])
def test_search_narrows_by_status_where_one_is_given(status: UserStatus | None, which: dict[str, str]) -> None:
    assert search_filter("ada", status=status) == {
        **which,
        "deleted_at": None,
        "$and": [{"search_terms": {"$regex": "^ada"}}],
    }


def test_first_eight_words_are_looked_for() -> None:
    assert terms("a b c d e f g h i") == [f"^{word}" for word in "abcdefgh"]


def test_address_of_another_client_is_found_without_terms() -> None:
    prefix = {"$regex": r"^ada@example"}

    assert search_filter("ada@example", status=None)["$and"] == [
        {"$or": [{"search_terms": prefix}, {"email": prefix, "deleted_at": None}]}
    ]


@pytest.mark.parametrize("text", ["", " ", "--", "...@@"])
def test_search_for_no_letter_is_refused(text: str) -> None:
    with pytest.raises(InvalidQueryError):
        search_filter(text, status=None)
