from contextlib import nullcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from docustore.errors import InvalidInputError
from docustore.users.schemas import BulkStatusInput, UserInput, parse_user


def problems_of(document: object) -> set[tuple[str, str]]:
    with pytest.raises(InvalidInputError) as caught:
        parse_user(document)
    return {(error.pointer, error.code) for error in caught.value.errors}


def test_every_error_is_listed_with_its_pointer() -> None:
    document = {
        "first_name": 5,
        "status": "gone",
        "profile": {"preferences": {"theme": "blue", "sound": True, "language": "e\0n"}, "bio": "\0"},
        "roles": ["", "a"],
        "shoe/size": 43,
        "password": "short",
    }

    assert problems_of(document) == {
        ("/email", "missing"),
        ("/first_name", "wrong_type"),
        ("/status", "not_allowed"),
        ("/profile/preferences/theme", "not_allowed"),
        ("/profile/preferences/language", "control_character"),
        ("/profile/preferences/sound", "unknown_field"),
        ("/profile/bio", "control_character"),
        ("/roles/0", "too_short"),
        ("/shoe~1size", "unknown_field"),
        ("/password", "too_short"),
    }


@pytest.mark.parametrize("email", ["", "ada", "ada@", "@example.org", "a b@example.org", "ada@localhost"])
def test_malformed_email_is_refused_with_its_code(email: str) -> None:
    assert problems_of({"email": email}) == {("/email", "email_malformed")}


@pytest.mark.parametrize("document", [None, [], "x", 1])
def test_user_that_is_not_an_object_is_refused(document: object) -> None:
    assert {pointer for pointer, _ in problems_of(document)} == {""}


def test_text_is_trimmed_and_labels_are_unique() -> None:
    user = parse_user({"email": " Ada@Example.ORG ", "first_name": " Ada ", "roles": ["a ", "b", "a"]})

    assert (user.email, user.first_name, user.roles) == ("ada@example.org", "Ada", ["a", "b"])


def test_line_breaks_are_text() -> None:
    assert parse_user({"email": "a@b.io", "profile": {"bio": "one\n\ttwo"}}).profile.bio == "one\n\ttwo"


def test_password_is_shown_nowhere() -> None:
    user = parse_user({"email": "a@b.io", "password": "correct horse"})

    assert "correct horse" not in repr(user) + str(user.model_dump())


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda part: st.lists(part) | st.dictionaries(st.text(), part),
)


@given(st.dictionaries(st.sampled_from(["email", "first_name", "profile", "roles", "status", "x"]), JSON) | JSON)
def test_any_json_is_a_user_or_refused(document: Any) -> None:
    try:
        parse_user(document)
    except InvalidInputError as error:
        assert error.errors  # noqa: PT017  # both outcomes are correct


@pytest.mark.parametrize(
    ("length", "codes"), [(7, {"too_short"}), (8, set()), (1024, set()), (1025, {"too_long"})]
)
def test_password_has_bounds(length: int, codes: set[str]) -> None:
    document = {"email": "a@b.io", "password": "x" * length}

    found = {code for _, code in problems_of(document)} if codes else set()
    if not codes:
        parse_user(document)

    assert found == codes


@pytest.mark.parametrize("model", [UserInput, BulkStatusInput])
def test_error_hides_what_was_sent(model: type[BaseModel]) -> None:
    with pytest.raises(ValidationError) as caught:
        model.model_validate({"email": "a@b.io", "unknown": "secret word"})

    assert "secret word" not in str(caught.value)


ORDER = {"current_status": "active", "new_status": "inactive"}


def test_order_runs_unless_it_says_otherwise() -> None:
    assert BulkStatusInput.model_validate(ORDER).dry_run is False


@pytest.mark.parametrize(("limit", "is_fit"), [(0, True), (1, True), (-1, False)])
def test_limit_of_an_order_may_be_zero(limit: int, *, is_fit: bool) -> None:
    with nullcontext() if is_fit else pytest.raises(ValidationError):
        assert BulkStatusInput.model_validate({**ORDER, "max_affected": limit}).max_affected == limit


def test_order_that_changes_nothing_is_refused() -> None:
    with pytest.raises(ValidationError, match="must differ"):
        BulkStatusInput.model_validate({**ORDER, "new_status": "active"})


@pytest.mark.parametrize(
    "avatar",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "/a.png",
        "a.example/b.png",
        "https://",
        "https:///a",
        "http:///a",
        "https://a b",
        "",
    ],
)
def test_avatar_of_another_scheme_is_refused(avatar: str) -> None:
    """A page that shows it as a link or a frame would run it."""
    document = {"email": "a@b.io", "profile": {"avatar": avatar}}

    assert problems_of(document) == {("/profile/avatar", "not_http_url")}


@pytest.mark.parametrize("avatar", ["http://a.example", "HTTPS://a.example/b?c#d", "https://[::1]:8080/ä.png"])
def test_avatar_is_an_http_url(avatar: str) -> None:
    assert parse_user({"email": "a@b.io", "profile": {"avatar": avatar}}).profile.avatar == avatar


@pytest.mark.parametrize("flag", ["yes", "true", 1, 0, None, "on"])
def test_text_and_number_are_no_flags(flag: object) -> None:
    document = {"email": "a@b.io", "profile": {"preferences": {"notifications": flag}}}

    assert problems_of(document) == {("/profile/preferences/notifications", "wrong_type")}


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"dry_run": "yes"}, "bool_type"),
        ({"dry_run": 1}, "bool_type"),
        ({"max_affected": "1"}, "int_type"),
        ({"max_affected": 1.5}, "int_type"),
        ({"max_affected": True}, "int_type"),
        ({"updated_before": 1_700_000_000}, "time_malformed"),
        ({"updated_before": "1700000000"}, "time_malformed"),
        ({"updated_before": "2026-01-31"}, "time_malformed"),
        ({"updated_before": "2026-01-31 12:00:00Z"}, "time_malformed"),
        ({"updated_before": "2026-01-31T12:00:00"}, "timezone_aware"),
        ({"updated_before": "2026-02-30T12:00:00Z"}, "datetime_from_date_parsing"),
    ],
)
def test_order_takes_only_the_described_types(changes: dict[str, Any], kind: str) -> None:
    with pytest.raises(ValidationError) as caught:
        BulkStatusInput.model_validate({**ORDER, **changes})

    assert [error["type"] for error in caught.value.errors()] == [kind]


@pytest.mark.parametrize("moment", ["2026-01-31T12:00:00Z", "2026-01-31t12:00:00.123456+02:00"])
def test_order_takes_a_time_with_a_zone(moment: str) -> None:
    assert BulkStatusInput.model_validate({**ORDER, "updated_before": moment}).updated_before
