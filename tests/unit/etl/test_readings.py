"""Each way of reading a field gives its default where nothing is given."""

from datetime import UTC, datetime
from typing import Any

import pytest

from docustore.etl.readings import Findings, reader_of
from docustore.users.field_types import Reading, Wire
from docustore.users.fields import FIELDS, UserField

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def declared(reading: Reading, default: Any) -> UserField:
    return UserField(path=("x",), pointer="/x", wire=Wire(reading, max_chars=10), default=default)


@pytest.mark.parametrize(
    ("reading", "default"),
    [
        (Reading.TEXT, "none"),
        (Reading.URL, "none"),
        (Reading.WORDS, "none"),
        (Reading.FLAG, True),
        (Reading.FLAG, False),
        (Reading.LABELS, []),
        (Reading.TIME, None),
        (Reading.STATUS, "active"),
        (Reading.THEME, "light"),
    ],
)
def test_field_that_is_not_given_has_its_default(reading: Reading, default: Any) -> None:
    findings = Findings(latest=NOW)

    assert reader_of(declared(reading, default))(findings, None) == default
    assert (findings.errors, findings.warnings) == ([], [])


@pytest.mark.parametrize("given", [True, False])
def test_flag_that_is_given_counts(*, given: bool) -> None:
    assert reader_of(declared(Reading.FLAG, not given))(Findings(latest=NOW), given) is given


def test_only_the_address_must_be_given() -> None:
    findings = Findings(latest=NOW)

    for field in FIELDS:
        reader_of(field)(findings, None)

    assert [(error.pointer, error.code) for error in findings.errors] == [("/email", "missing")]


@pytest.mark.parametrize("given", ["javascript:alert(1)", "/a.png", "a.example", "ftp://a.ex"])
def test_url_of_another_scheme_costs_only_the_field(given: str) -> None:
    """The record is loaded without it, with a warning."""
    findings = Findings(latest=NOW)
    url = UserField(path=("profile", "avatar"), pointer="/x", wire=Wire(Reading.URL, max_chars=20), default=None)

    assert reader_of(url)(findings, given) is None
    assert (findings.errors, findings.warnings) == ([], ["avatar_not_http"])
