"""Reading the body of one page."""

from datetime import UTC, datetime

import pytest

from docustore.etl.sources.http_page import parse_page
from docustore.etl.sources.page_errors import PageMalformedError, PageTruncatedError


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


LENIENT = '{"id": NaN}'  # forces the lenient way, which cuts the body up itself


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", ""),
        ('"a": 1, ', ', "b": 2'),
        (' \t\r\n"a" : {"users": []} ,\n', ""),
        ('"": "users", "a": [1, {"users": 2}], ', ""),
    ],
)
def test_users_are_found_whatever_stands_beside_them(before: str, after: str) -> None:
    body = f'  {{{before}"users" :\n [{LENIENT}, {{"id": 2}}]{after}}}'

    assert parse_page(body.encode(), "").users == [LENIENT.encode(), b'{"id": 2}']


@pytest.mark.parametrize("users", ["[1, 2]", f"[{LENIENT}]"])
@pytest.mark.parametrize(
    ("cursor", "expected"), [('"c"', "c"), ("7", "7"), ("0", "0"), ('""', None), ("null", None), ('" "', " ")]
)
def test_cursor_is_a_text_or_none(users: str, cursor: str, expected: str | None) -> None:
    body = f'{{"users": {users}, "next_cursor": {cursor}}}'

    assert parse_page(body.encode(), "").next_cursor == expected


@pytest.mark.parametrize("users", ["[1, 2]", f"[{LENIENT}]"])
def test_time_of_the_service_is_aware_or_none(users: str) -> None:
    timed = parse_page(f'{{"users": {users}, "server_time": "2026-01-01T00:00:00Z"}}'.encode(), "")
    untimed = parse_page(f'{{"users": {users}}}'.encode(), "")

    assert timed.server_time == datetime(2026, 1, 1, tzinfo=UTC)
    assert untimed.server_time is None


@pytest.mark.parametrize(
    ("body", "content_type", "reason"),
    [
        (b"  <html>", "application/json", "HTML"),
        (b'{"users": []}', "text/html", "HTML"),
        (b"NaN", "application/json", '"users"'),
        (b'{"x": NaN}', "application/json", '"users"'),
        (b'{"x": NaN, "users": {}}', "application/json", '"users"'),
        (b'{"users": [NaN], "server_time": "2026-01-01T00:00:00"}', "", "no time zone"),
        (b'{"users": [NaN], "server_time": "soon"}', "", "another shape"),
    ],
)
def test_lenient_way_refuses_what_is_no_page(body: bytes, content_type: str, reason: str) -> None:
    with pytest.raises(PageMalformedError, match=reason):
        parse_page(body, content_type)


WHOLE = b'{"next_cursor": null, "users": [{"name": "Ada \\"x\\"", "x": -1.5, "y": true}, {"id": 2}], "total": 2}'


@pytest.mark.parametrize("size", range(len(WHOLE)))
def test_body_cut_anywhere_is_truncated(size: int) -> None:
    """It is retried; a page that is broken in the middle is not."""
    with pytest.raises(PageTruncatedError):
        parse_page(WHOLE[:size], "application/json")


@pytest.mark.parametrize("body", [b'{"users": [{"id": 1} {"id": 2}]}', b'{"users": [}', b"OK", b"[1, 2"])
def test_body_broken_in_the_middle_is_not_truncated(body: bytes) -> None:
    with pytest.raises(PageMalformedError) as raised:
        parse_page(body, "application/json")

    assert not isinstance(raised.value, PageTruncatedError)


@pytest.mark.parametrize(("total", "expected"), [("3", 3), ("0", 0), ("true", None), ('"3"', None), ("{}", None)])
@pytest.mark.parametrize("users", ['[{"id": 1}]', '[{"id": NaN}]'])
def test_total_is_read_if_it_is_a_number(users: str, total: str, expected: int | None) -> None:
    assert parse_page(f'{{"users": {users}, "total": {total}}}'.encode(), "").total == expected
