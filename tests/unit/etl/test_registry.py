"""Sources given by their address."""

import pytest

from docustore.errors import ConfigurationError
from docustore.etl.sources.registry import place_of, source_by_address
from docustore.source_options.kind import SourceKind
from docustore.source_settings import SOURCE_NAME, SourceSettings


@pytest.mark.parametrize(
    ("address", "name", "kind"),
    [
        ("people.csv", "people", SourceKind.FILE),
        ("file:///data/HR%20Export.2026-11.ndjson.gz", "hr-export-2026-11", SourceKind.FILE),
        ("/data/local.csv", "file", SourceKind.FILE),
        ("/data/___.csv.gz", "file", SourceKind.FILE),
        ("/data/hr exports/", "hr-exports", SourceKind.FILE),
        ("/data/people-*.csv", "people", SourceKind.FILE),
        ("/data/exports/*.csv", "exports", SourceKind.FILE),
        ("s3://bucket/hr/People.csv.gz", "people", SourceKind.FILE),
        ("s3://bucket", "bucket", SourceKind.FILE),
        ("/data/" + "x" * 99 + ".JSON", "x" * 63, SourceKind.FILE),
        ("https://Crm.example.org:8443/users?tenant=5", "crm-example-org-8443", SourceKind.HTTP),
        ("http://reader:secret@127.0.0.1/users", "127-0-0-1", SourceKind.HTTP),
        ("scim+https://idp.example.org/scim/v2", "idp-example-org", SourceKind.SCIM),
        ("mongodb://me:secret@db:27017/hr.people", "db-27017-hr-people", SourceKind.MONGODB),
        ("postgresql://me:secret@db/hr#staff.people", "staff-people", SourceKind.SQL),
        ("mongodb://db/Hr.old.people", "db-hr-old-people", SourceKind.MONGODB),
        ("sqlite:///data/hr.db#people", "people", SourceKind.SQL),
        ("sqlite:///data/hr.db#Stäbe", "st-be", SourceKind.SQL),
        ("sqlite:///data/hr.db#___", "sql", SourceKind.SQL),
    ],
)
def test_source_is_named_after_its_address(address: str, name: str, kind: SourceKind) -> None:
    found, source = source_by_address(address, required=("email",))

    assert (found, source.kind, source.url, source.schedule) == (name, kind, address, "off")
    assert SOURCE_NAME.fullmatch(found)


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("/data/a.csv", "file:///data/a.csv", True),
        ("/data/../data/a.csv", "/data/a.csv", True),
        ("/data/a.csv", "/other/a.csv", False),
        ("http://me:secret@h.test/users?token=x", "http://H.test/users/", True),
        ("http://h.test/users", "http://h.test/staff", False),
        ("s3://bucket/a?token=x", "s3://bucket/a", True),
        ("/data/*.csv", "/data/../data/*.csv", True),
        ("scim+http://me:secret@h.test/v2?token=x", "scim+http://h.test/v2/", True),
        ("mongodb://me:secret@h/a.b?token=x", "mongodb://h/a.b", True),
        ("mongodb://h/a.b", "mongodb://h/a.c", False),
        ("postgresql://me:secret@h/a?token=x#t", "postgresql://h/a#t", True),
        ("postgresql://h/a#t", "postgresql://h/a#u", False),
    ],
)
def test_places_are_compared_without_secrets(one: str, other: str, *, is_same: bool) -> None:
    places = [place_of(source_by_address(address, required=("email",))[1]) for address in (one, other)]

    assert (places[0] == places[1]) is is_same
    assert "secret" not in places[0]
    assert "token" not in places[0]


@pytest.mark.parametrize(
    ("kind", "fields"), [("http", {}), ("scim", {}), ("mongodb", {}), ("sql", {"table": "t"})]
)
def test_place_behind_a_reference_is_the_reference(kind: str, fields: dict[str, str]) -> None:
    assert place_of(SourceSettings(kind=kind, url="env:CRM_URL", **fields)) == "env:CRM_URL"


@pytest.mark.parametrize(
    ("address", "required", "reason"),
    [
        ("http://", "email", "name a host"),
        ("https://[::1/users", "email", "name a host"),
        ("people.csv", "mail", "there is no field 'mail'"),
        ("mongodb://host/users", "email", "mongodb://HOST/DATABASE.COLLECTION"),
        ("postgresql://host/hr", "email", "#TABLE"),
        ("scim+http://", "email", "name a host"),
    ],
)
def test_malformed_source_is_refused(address: str, required: str, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason):
        source_by_address(address, required=(required,))


@pytest.mark.parametrize("address", ["ldap://idp.example.org", "dav://host/a.csv"])
def test_address_of_unknown_scheme_is_refused(address: str) -> None:
    """It is not opened as a file: the message would point to a missing file."""
    with pytest.raises(ConfigurationError, match="no source reads"):
        source_by_address(address, required=("email",))
