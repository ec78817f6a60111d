"""What is refused of a source's settings before a run is started with them."""

from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from docustore.source_settings import REQUIRABLE, SourceSettings


def settings(**given: Any) -> SourceSettings:
    return SourceSettings.model_validate({"kind": "http", "url": "http://crm/users", **given})


def test_defaults_are_those_of_the_readme() -> None:
    given = settings()

    assert (given.schedule, given.required) == ("hourly", ("email", "first_name", "last_name"))
    assert (given.page_size, given.timeout_s, given.max_retries) == (1000, 30.0, 5)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("page_size", 1),
        ("page_size", 10_000),
        ("timeout_s", 0.1),
        ("max_retries", 0),
        ("max_retries", 20),
        ("schedule", "every 15m"),
        ("schedule", "30 2 * * 1-5"),
        ("timezone", "Europe/Amsterdam"),
        ("full", "weekly"),
        ("overdue_after_s", 60),
        *(("required", (name,)) for name in REQUIRABLE),
        ("required", ()),
    ],
)
def test_value_at_its_bound_is_taken(field: str, value: object) -> None:
    assert getattr(settings(**{field: value}), field) == value


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("page_size", 0),
        ("page_size", 10_001),
        ("timeout_s", 0),
        ("timeout_s", -1),
        ("max_retries", -1),
        ("max_retries", 21),
        ("required", ("email", "shoe_size")),
        ("url", ""),
        ("schedule", "sometimes"),
        ("schedule", "60 * * * *"),
        ("timezone", "Europe/Atlantis"),
        ("full", "off"),
        ("full", "sometimes"),
        ("overdue_after_s", 59),
        ("unknown", 1),
    ],
)
def test_value_beyond_its_bound_is_refused(field: str, value: object) -> None:
    with pytest.raises(ValidationError):
        settings(**{field: value})


@pytest.mark.parametrize(
    ("name", "value"), [("Authorization", "Bearer x y"), ("X-Key_1~", "!~"), ("a", ""), ("A", " ")]
)
def test_header_of_printable_ascii_is_taken(name: str, value: str) -> None:
    assert settings(headers={name: value}).headers == {name: SecretStr(value)}


@pytest.mark.parametrize(
    ("name", "value"),
    [("X Key", "a"), ("", "a"), ("Clé", "a"), ("X-Key", "a\nb"), ("X-Key", "a\x00"), ("X-Key", "é"), ("X:", "a")],
)
def test_header_that_cannot_be_sent_is_refused(name: str, value: str) -> None:
    with pytest.raises(ValidationError, match="cannot be sent"):
        settings(headers={name: value})


def test_refusal_does_not_quote_a_secret() -> None:
    with pytest.raises(ValidationError) as caught:
        settings(headers={"X Key": "hunter2"}, unknown="hunter3")

    assert "hunter" not in str(caught.value)


def test_settings_of_a_source_do_not_change() -> None:
    given = settings()

    with pytest.raises(ValidationError, match="frozen"):
        given.page_size = 7  # type: ignore[misc]


@pytest.mark.parametrize("given", [{"full": "weekly"}, {"after": ("hr",)}])
def test_source_without_a_schedule_has_no_rules_for_slots(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="needs a schedule"):
        settings(schedule="off", **given)


@pytest.mark.parametrize("url", ["http://crm", "https://crm:8443/users?a=b", "HTTP://crm/"])
def test_http_source_has_an_http_address(url: str) -> None:
    assert settings(url=url).url == url


@pytest.mark.parametrize(
    "url", ["crm", "/users.json", "ftp://crm/users", "http://", "https:///users", "http://[::1", "file:///u.json"]
)
def test_http_source_with_another_address_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="must start with http"):
        settings(url=url)


@pytest.mark.parametrize("url", ["u", "/users.json", "file:///users.json", "https://crm/users.json"])
def test_file_source_takes_a_path_or_an_address(url: str) -> None:
    assert settings(kind="file", url=url).url == url


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"delimiter": ";"}, "delimiter is a setting of the kind file, not of http"),
        ({"kind": "file", "url": "a.csv", "page_size": 7}, "page_size is a setting of the kind .*, not of file"),
        ({"table": "people"}, "table is a setting of the kind sql, not of http"),
        ({"kind": "scim", "since_param": "x"}, "since_param is a setting of the kind http, not of scim"),
        ({"kind": "file", "url": "a.csv", "token": "hunter2"}, "token is a setting of the kind .*, not of file"),
    ],
)
def test_setting_of_another_kind_is_refused(given: dict[str, Any], reason: str) -> None:
    """It would be ignored silently."""
    with pytest.raises(ValidationError, match=reason) as caught:
        settings(**given)

    assert "hunter" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"token": "a", "username": "b", "password": "c"}, "use one of token"),
        ({"username": "b"}, "belong together"),
        ({"token_url": "https://idp/token", "client_id": "b"}, "belong together"),
        ({"token_url": "idp", "client_id": "b", "client_secret": "c"}, "token_url must start with http"),
        ({"body": {"q": "{since}"}}, 'body needs method = "POST"'),
        ({"paging": "scroll"}, "'cursor', 'link', 'page', 'offset' or 'none'"),
        ({"redirects": "all"}, "'same-origin', 'any' or 'none'"),
        ({"kind": "sql", "url": "sqlite:///a"}, "name the rows by one of table, query"),
        ({"kind": "sql", "url": "sqlite:///a#t", "table": "t"}, "name the rows by one of table, query"),
        ({"kind": "sql", "url": "sqlite:///a", "query": "SELECT 1"}, "query needs key"),
        ({"kind": "sql", "url": "a.db", "table": "t"}, "address of SQLAlchemy"),
        ({"kind": "sql", "url": "sqlite:///a#t", "zone": "Europe/Nowhere"}, "there is no time zone"),
        ({"kind": "mongodb", "url": "mongodb://host/a.b", "live": True, "modified": "m"}, "not both"),
        ({"kind": "mongodb", "url": "mongodb://host/a"}, "DATABASE.COLLECTION"),
        ({"kind": "scim", "url": "ftp://host"}, "url must start with http"),
    ],
)
def test_settings_that_do_not_belong_together(given: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        settings(**given)


def test_representation_shows_no_secret() -> None:
    given = settings(
        url="https://me:hunter1@crm/users?key=hunter2",
        headers={"X-Key": "hunter3"},
        username="me",
        password="hunter4",
    )

    assert "hunter" not in repr(given) + str(given)


def test_reference_to_a_secret_is_taken() -> None:
    given = settings(url="env:CRM_URL", headers={"X-Key": "file:/run/secrets/key"}, token="env:CRM_TOKEN")

    assert given.url == "env:CRM_URL"
