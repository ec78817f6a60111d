"""CSV tables as people have them: one bad row costs one row, and no row is read wrongly."""

import json
from pathlib import Path

import pytest

from docustore.errors import SourceContentError
from docustore.etl.models import Window
from docustore.etl.sources.csv_columns import ColumnNames
from docustore.etl.sources.csv_file import CsvOptions
from docustore.etl.sources.csv_table import MAX_ROW_LINES
from docustore.etl.sources.file import FileSource
from docustore.source_settings import SourceSettings

Record = dict[str, object]


def write(path: Path, content: bytes | str) -> None:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


async def read(path: Path, content: bytes | str, **options: object) -> tuple[list[Record], list[str]]:
    """Return the records that can be read, and the code and detail of each bad row."""
    write(path, content)
    source = FileSource("hr", path, page_size=4, csv_options=CsvOptions(**options))
    records, faults = [], []
    async for page in source.pages(Window(), after=None):
        faults += [f"{error.code} {error.detail.partition(':')[0]}" for error in page.faults.values()]
        numbered = enumerate(page.records, start=page.first)
        records += [json.loads(raw) for number, raw in numbered if number not in page.faults]
    return records, faults


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "users.csv"


@pytest.mark.parametrize("row", ["2,b@x.org,Lee, Jr,active", "2,b@x.org,Lee", "2,b@x.org,Lee,active,"])
async def test_row_of_another_width_is_bad(path: Path, row: str) -> None:
    """A shifted row would load the wrong status silently."""
    lines = ["id,email,last_name,status", "1,a@x.org,May,active", row, "3,c@x.org,Poe,active"]

    records, faults = await read(path, "\n".join(lines))

    assert [record["id"] for record in records] == ["1", "3"]
    assert faults == ["field_count line 3"]


@pytest.mark.parametrize(
    "rows",
    [
        # The quote is followed by other text: strict parsing finds it.
        ['1,a@x.org,"May', "2,b@x.org,Lee", '3,c@x.org,"Poe"'],
        # Two unbalanced quotes make one well-formed row that contains the others.
        ['1,a@x.org,"May', "2,b@x.org,Lee", '3,c@x.org,"'],
        # The quote is open to the end of the file.
        ['1,a@x.org,"May', "2,b@x.org,Lee", "3,c@x.org,Poe"],
        ['1,a@x.org,"Ma"y', "2,b@x.org,Lee", "3,c@x.org,Poe"],
    ],
)
async def test_unbalanced_quote_costs_one_line(path: Path, rows: list[str]) -> None:
    records, faults = await read(path, "\n".join(["id,email,last_name", *rows]))

    assert "quote_unbalanced line 2" in faults
    assert "2" in [record["id"] for record in records]
    assert len(records) + len(faults) == 3


async def test_quote_is_not_followed_without_end(path: Path) -> None:
    rows = [f"{number},u{number}@x.org,Lee" for number in range(2, MAX_ROW_LINES + 10)]

    records, faults = await read(path, "\n".join(["id,email,last_name", '1,a@x.org,"May', *rows]))

    assert (len(records), faults) == (len(rows), ["quote_unbalanced line 2"])


async def test_quoted_line_break_belongs_to_the_field(path: Path) -> None:
    content = 'id,email,bio\r\n1,a@x.org,"one,\r\n\r\ntwo ""quoted"""\r\n\r\n2,b@x.org,\r\n3,c@x.org\r\n'

    records, faults = await read(path, content)

    assert records[0]["profile"] == {"bio": 'one,\r\n\r\ntwo "quoted"'}
    assert records[1] == {"id": "2", "email": "b@x.org"}
    assert faults == ["field_count line 7"]


async def test_quote_inside_a_plain_field_is_text(path: Path) -> None:
    records, faults = await read(path, 'id,email,last_name\n1,a@x.org,5" May\n2,b@x.org,Lee\n')

    assert ([record["last_name"] for record in records], faults) == (['5" May', "Lee"], [])


async def test_long_field_is_a_field(path: Path) -> None:
    """The size of a record has its own limit, which costs that record alone."""
    records, faults = await read(path, f"id,email,bio\n1,a@x.org,{'x' * 300_000}\n2,b@x.org,y\n")

    assert ([record["id"] for record in records], faults) == (["1", "2"], [])


@pytest.mark.parametrize(
    ("encoding", "options"),
    [
        ("utf-8", {}),
        ("utf-8-sig", {}),
        ("utf-16", {}),
        ("cp1252", {}),
        ("cp850", {"encoding": "cp850"}),
        ("utf-8-sig", {"encoding": "utf-8-sig"}),
    ],
)
async def test_encoding_is_found_or_configured(path: Path, encoding: str, options: dict[str, object]) -> None:
    content = "E-Mail;First Name\r\na@x.org;Jörg\r\nb@x.org;Zoë\r\n".encode(encoding)

    records, faults = await read(path, content, **options)

    assert [record["email"] for record in records] == ["a@x.org", "b@x.org"]
    assert [record["firstName" if "firstName" in record else "first_name"] for record in records] == [
        "Jörg",
        "Zoë",
    ]
    assert faults == []


async def test_damaged_line_costs_one_row(path: Path) -> None:
    content = "email,first_name\na@x.org,Jörg\nb@x.org,Zoë\n".encode() + b"c@x.org,\xff\n"

    records, faults = await read(path, content)

    assert (len(records), faults) == (2, ["not_decodable line 4"])


async def test_excel_names_its_delimiter(path: Path) -> None:
    records, faults = await read(path, "sep=;\r\nid;email,\r\n1\r\n2;b@x.org\r\n")

    assert records == [{"id": "2", "email": "b@x.org"}]
    assert faults == ["field_count line 3"]


def named(**fields: str | dict[str, object]) -> dict[str, object]:
    settings = SourceSettings.model_validate({"kind": "file", "url": "a", "map": fields})
    return {"naming": ColumnNames.of(settings.map)}


async def test_mapped_columns_keep_their_names(path: Path) -> None:
    """The mapping finds them by these names; all others get the names of their fields."""
    content = "Nr.*E-Mail*Bio*Vorname*First Name\n7*a@x.org*Ulm*Ada*Eve\n"

    records, _ = await read(path, content, delimiter="*", **named(id="Nr.", email="E-Mail", location="Bio"))

    assert records == [{"Nr.": "7", "E-Mail": "a@x.org", "Bio": "Ulm", "Vorname": "Ada", "first_name": "Eve"}]


async def test_other_columns_of_a_mapped_field_keep_their_names(path: Path) -> None:
    """They would give one field twice, and the mapping does not read them."""
    records, _ = await read(path, "Dienst,E-Mail,Mail\na@x.org,b@x.org,c@x.org\n", **named(email="Dienst"))

    assert records == [{"Dienst": "a@x.org", "E-Mail": "b@x.org", "Mail": "c@x.org"}]


@pytest.mark.parametrize(
    ("fields", "missing"),
    [
        ({"email": "Dienst-Mail"}, "no column Dienst-Mail"),
        ({"status": "Zustand"}, "no column Zustand"),
        ({"status": {"from": ["Zustand", "Lage"]}}, "no column Lage or Zustand"),
    ],
)
async def test_table_without_a_mapped_column_is_refused(
    path: Path, fields: dict[str, str | dict[str, object]], missing: str
) -> None:
    """A renamed status column would make all users active."""
    with pytest.raises(SourceContentError, match=missing):
        await read(path, "name,email,Status\nx,a@x.org,aktiv\n", **named(**fields))


async def test_mapped_column_with_a_default_may_be_missing(path: Path) -> None:
    status: dict[str, object] = {"from": ["Zustand", "Status"]}
    language: dict[str, object] = {"from": "Sprache", "default": "de"}

    records, _ = await read(path, "email,Status\na@x.org,aktiv\n", **named(status=status, language=language))

    assert len(records) == 1


async def test_swallowed_row_is_found_by_the_mapped_address(path: Path) -> None:
    rows = ['1,"May,a@x.org', "2,Lee,b@x.org", '3,Poe",c@x.org']

    _, faults = await read(path, "\n".join(["Nr,Name,Mail", *rows]), **named(id="Nr", email="Mail"))

    assert "quote_unbalanced line 2" in faults


@pytest.mark.parametrize(
    ("column", "field"),
    [
        ("E-Mail Address", "email"),
        ("LAST NAME", "last_name"),
        ("Surname", "last_name"),
        ("externalId", "externalId"),
        ("Modified At", "modified_at"),
        ("Cost Centre", "Cost Centre"),
    ],
)
async def test_header_names_are_recognised(path: Path, column: str, field: str) -> None:
    other = "id" if field == "email" else "email"

    [record], _ = await read(path, f"{other},{column}\nx,y\n")

    assert record == {other: "x", field: "y"}


async def test_bad_row_of_a_table_with_passwords_is_not_kept(path: Path) -> None:
    """Which of its cells is the password is unknown."""
    write(path, "id,email,password\n1,a@x.org,x,hunter2\n")

    [page] = [page async for page in FileSource("hr", path, page_size=4).pages(Window(), after=None)]

    assert "hunter2" not in str(page.records)
    assert page.faults[1].code == "field_count"
