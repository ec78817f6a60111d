"""How a setting names a value in a record."""

from typing import Any

import pytest

from docustore.etl.mapping.key_path import keys_of, lookup_of, parts_of, path_of

RECORD: dict[str, Any] = {
    "E-Mail": "a@x.org",
    "Name": {"Family": "May", "First.Name": "Ada", "Given": {"a": 1}},
    "Tel. Nr.": "7",
    "Abt.Nr": "9",
    "Abt": {"Nr": "nested"},
    "emails": [{"value": "b@x.org"}, "text"],
    "empty": None,
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("E-Mail", "a@x.org"),
        ("Name.Family", "May"),
        ("Name.Given.a", 1),
        ("Name.Given", {"a": 1}),
        ('Name."First.Name"', "Ada"),
        ("Tel. Nr.", "7"),
        ('"Tel. Nr."', "7"),
        # A key of the whole name counts first.
        ("Abt.Nr", "9"),
        ('Abt."Nr"', "nested"),
        ("emails.0.value", "b@x.org"),
        ("emails.1", "text"),
        ("emails.2", None),
        ("emails.-1", None),
        ("emails.value", None),
        ("E-Mail.x", None),
        ("nothing", None),
        ("empty", None),
        ("empty.x", None),
        (".", None),
    ],
)
def test_path_finds_a_value(path: str, value: object) -> None:
    assert lookup_of(path)(RECORD) == value


@pytest.mark.parametrize("path", ['"Name', 'Name."Family', '"Name"Family', 'Na"me', '"a"."b"c', '""'])
def test_misplaced_quote_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="double quotes around a whole part"):
        parts_of(path)


@pytest.mark.parametrize(
    ("path", "keys"),
    [
        ("E-Mail", {"E-Mail"}),
        ("Name.Family", {"Name", "Name.Family"}),
        ('"a.b".c', {"a.b"}),
        ("Tel. Nr.", {"Tel. Nr."}),
    ],
)
def test_keys_that_a_path_reads(path: str, keys: set[str]) -> None:
    assert keys_of(path) == keys


@pytest.mark.parametrize(
    ("parts", "path"),
    [
        (("E-Mail",), "E-Mail"),
        (("a.b",), "a.b"),
        (("Tel. Nr.",), "Tel. Nr."),
        (('5" disk',), '"5"" disk"'),
        (("Name", "Family.Name"), 'Name."Family.Name"'),
        (("emails", "0", "value"), "emails.0.value"),
    ],
)
def test_parts_are_written_as_a_path(parts: tuple[str, ...], path: str) -> None:
    record: Any = "found"
    for part in reversed(parts):
        record = [record] if part == "0" else {part: record}

    assert path_of(*parts) == path
    assert lookup_of(path)(record) == "found"
