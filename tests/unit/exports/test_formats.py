"""The form of a file by its name."""

import pytest

from docustore.errors import InvalidQueryError
from docustore.exports.formats import ExportFormat, FileForm


@pytest.mark.parametrize(
    ("name", "format_", "is_gzip"),
    [
        ("users.ndjson", ExportFormat.NDJSON, False),
        ("USERS.CSV.GZ", ExportFormat.CSV, True),
        ("a.b.parquet", ExportFormat.PARQUET, False),
        ("users.jsonl.gz", ExportFormat.NDJSON, True),
    ],
)
def test_name_says_the_form(name: str, format_: ExportFormat, is_gzip: bool) -> None:
    assert FileForm.of_name(name) == FileForm(format=format_, is_gzip=is_gzip)


@pytest.mark.parametrize("name", ["users", "users.gz", "users.txt", "-"])
def test_other_name_says_nothing(name: str) -> None:
    assert FileForm.of_name(name) is None


def test_parquet_is_not_compressed_twice() -> None:
    with pytest.raises(InvalidQueryError, match="Parquet"):
        FileForm(format=ExportFormat.PARQUET, is_gzip=True)


def test_suffix_names_the_form() -> None:
    form = FileForm(format=ExportFormat.CSV, is_gzip=True)

    assert FileForm.of_name(f"x{form.suffix}") == form
