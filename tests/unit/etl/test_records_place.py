import pytest

from docustore.etl.sources.http_page import PageNames, parse_page
from docustore.etl.sources.page_errors import PageMalformedError, RecordsElsewhereError
from docustore.etl.sources.records_place import records_place


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b'[{"id": 1}]', ""),
        (b'{"data": {"items": [{"id": 1}, {"id": 2}], "links": [{"rel": "next"}]}}', "data.items"),
        (b'{"a.b": [{"id": 1}]}', r"a\.b"),
        (b'{"users": {"1": {"id": 1}}}', None),
        (b'{"items": [], "names": ["a"]}', None),
        (b'{"items": [{"id": 1}', None),
        (b"[" * 100_000, None),
    ],
)
def test_longest_list_of_objects_is_found(body: bytes, place: str | None) -> None:
    assert records_place(body) == place


@pytest.mark.parametrize("body", [b'{"items": [{"id": 1}]}', b'[{"id": 1}]'])
def test_error_names_the_setting(body: bytes) -> None:
    with pytest.raises(RecordsElsewhereError, match="set records_key to it"):
        parse_page(body, "application/json")


def test_fixed_names_are_no_setting() -> None:
    with pytest.raises(PageMalformedError) as raised:
        parse_page(b'{"items": [{"id": 1}]}', "", PageNames(records="Resources", is_setting=False))

    assert not isinstance(raised.value, RecordsElsewhereError)
