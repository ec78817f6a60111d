"""Reading the body of one page."""

import pytest

from docustore.etl.sources.http_page import PageMalformedError, parse_page


def test_records_keep_their_bytes() -> None:
    page = parse_page(b'{"users": [{"id":  1}, 2], "next_cursor": "c", "server_time": "2026-01-01T00:00:00Z"}', "")

    assert page.users == [b'{"id":  1}', b"2"]
    assert page.next_cursor == "c"


@pytest.mark.parametrize("cursor", ["null", '""'])
def test_no_cursor_ends(cursor: str) -> None:
    assert parse_page(b'{"users": [], "next_cursor": %s}' % cursor.encode(), "").next_cursor is None


def test_nan_in_a_record_costs_that_record_alone() -> None:
    body = b'{"meta": {"users": [9]}, "users": [{"id": 1, "x": NaN}, {"id": 2}], "next_cursor": 7}'

    page = parse_page(body, "application/json")

    assert page.users == [b'{"id": 1, "x": NaN}', b'{"id": 2}']
    assert page.next_cursor == "7"


@pytest.mark.parametrize(
    ("body", "content_type", "reason"),
    [
        (b"<!doctype html><html>", "", "HTML"),
        (b"Please log in", "text/html; charset=utf-8", "HTML"),
        (b'{"data": []}', "application/json", '"users"'),
        (b'{"users": null}', "application/json", '"users"'),
        (b'{"users": {}}', "application/json", "another shape"),
        (b'{"users": [{"id": 1}', "application/json", "broken JSON"),
        (b"", "application/json", "broken JSON"),
        (b"[]", "application/json", "another shape"),
        (b'{"users": [], "server_time": "2026-01-01T00:00:00"}', "", "no time zone"),
    ],
)
def test_malformed_page_says_its_fault(body: bytes, content_type: str, reason: str) -> None:
    with pytest.raises(PageMalformedError, match=reason):
        parse_page(body, content_type)
