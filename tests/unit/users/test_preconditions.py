import pytest

from docustore.errors import InvalidQueryError, PreconditionRequiredError, VersionConflictError
from docustore.users.preconditions import IfMatch, is_current


@pytest.mark.parametrize(
    ("header", "versions"),
    [
        ("*", None),
        ('"3"', {3}),
        (' "3" , "4"', {3, 4}),
        ('W/"3"', set()),
        ('W/"3", "4"', {4}),
        ('"other"', set()),
        ('""', set()),
        ('"03"', set()),
        (f'"{"1" * 5000}"', set()),
    ],
)
def test_if_match_follows_the_rfc(header: str, versions: set[int] | None) -> None:
    assert IfMatch.required(header).versions == versions


@pytest.mark.parametrize("header", ["3", "", '"3', '"3" "4"', '"3",'])
def test_malformed_if_match_is_refused(header: str) -> None:
    with pytest.raises(InvalidQueryError):
        IfMatch.required(header)


def test_write_without_if_match_is_refused() -> None:
    with pytest.raises(PreconditionRequiredError):
        IfMatch.required(None)


def test_action_without_if_match_accepts_any() -> None:
    IfMatch.optional(None).check(user_id="a", version=7)


def test_stale_version_is_refused() -> None:
    with pytest.raises(VersionConflictError) as caught:
        IfMatch.required('"3"').check(user_id="a", version=4)

    assert (caught.value.expected, caught.value.actual) == (3, 4)


@pytest.mark.parametrize(
    ("header", "is_expected"),
    [(None, False), ('"4"', True), ('W/"4"', True), ('"3"', False), ('"3", "4"', True), ("*", True)],
)
def test_if_none_match_compares_weakly(header: str | None, *, is_expected: bool) -> None:
    assert is_current(header, version=4) is is_expected


def test_long_white_space_is_read_in_linear_time() -> None:
    """With a quadratic search, this one header would block all requests for hours."""
    assert is_current(f'x{" " * 300_000}"4"', version=4)


def test_tag_that_was_never_given_out_expects_version_0() -> None:
    with pytest.raises(VersionConflictError) as caught:
        IfMatch.required('"other"').check(user_id="a", version=1)

    assert (caught.value.expected, caught.value.actual) == (0, 1)


def test_known_version_may_be_written() -> None:
    IfMatch.required('"3", "4"').check(user_id="a", version=4)


@pytest.mark.parametrize("header", [None, " * "])
def test_optional_if_match_may_be_missing(header: str | None) -> None:
    assert IfMatch.optional(header).versions is None
