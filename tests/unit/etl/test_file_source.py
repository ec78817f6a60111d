"""Reading files of every format, good and bad."""

import gzip
import json
from pathlib import Path

import pytest

from docustore.errors import ConfigurationError, SourceContentError
from docustore.etl.models import Window
from docustore.etl.sources.file import BLOCK_CHARS, MAX_LINE_BYTES, FileSource, path_of
from docustore.etl.sources.source import Page

RECORDS = [{"id": n, "email": f"u{n}@example.org"} for n in range(7)]
NDJSON = "".join(json.dumps(record) + "\n" for record in RECORDS).encode()


async def read(path: Path, *, after: str | None = None, page_size: int = 3) -> list[Page]:
    source = FileSource("crm", path, page_size=page_size)
    await source.clock()
    return [page async for page in source.pages(Window(), after=after)]


def ids(pages: list[Page]) -> list[int]:
    return [int(json.loads(raw)["id"]) for page in pages for raw in page.records]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("users.ndjson", NDJSON),
        ("users.ndjson.gz", gzip.compress(NDJSON, mtime=0)),
        ("users.json", json.dumps(RECORDS, indent=2).encode()),
        ("users.json.gz", gzip.compress(json.dumps(RECORDS).encode(), mtime=0)),
        ("page.json", json.dumps({"users": RECORDS, "next_cursor": None}, indent=2).encode()),
        ("page.json", json.dumps({"total": 7, "server_time": "x", "users": RECORDS}).encode()),
        ("bom.json", b"\xef\xbb\xbf" + json.dumps(RECORDS).encode()),
        ("bom.jsonl", b"\xef\xbb\xbf" + NDJSON),
        ("users.csv", b"id,email\n" + b"".join(b"%d,u%d@example.org\r\n" % (n, n) for n in range(7))),
        ("UP.CSV", b"ID;E-MAIL\r\n" + b"".join(b"%d;u@example.org\r\n" % n for n in range(7))),
        ("users.tsv", b"id\temail\n" + b"".join(b"%d\tu@example.org\n" % n for n in range(7))),
        (
            "users.csv.gz",
            gzip.compress(b"id,email\n" + b"".join(b"%d,u@example.org\n" % n for n in range(7)), mtime=0),
        ),
    ],
)
async def test_every_format(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)

    assert ids(await read(path)) == list(range(7))


async def test_resumes_after_a_mark(tmp_path: Path) -> None:
    path = tmp_path / "users.ndjson"
    path.write_bytes(NDJSON)
    first, *_ = await read(path)

    rest = await read(path, after=first.resume)

    assert ids(rest) == [3, 4, 5, 6]
    assert rest[0].first == 4


async def test_starts_over_when_the_file_changed(tmp_path: Path) -> None:
    path = tmp_path / "users.ndjson"
    path.write_bytes(NDJSON)
    first, *_ = await read(path)
    path.write_bytes(NDJSON + b'{"id": 7}\n')

    assert ids(await read(path, after=first.resume)) == list(range(8))


async def test_csv_columns_find_the_profile(tmp_path: Path) -> None:
    path = tmp_path / "users.csv"
    path.write_text("id,email,profile.bio,theme,roles\n1,a@b.org,hi,dark,x;y\n")

    [page] = await read(path)

    assert json.loads(page.records[0]) == {
        "id": "1", "email": "a@b.org", "roles": "x;y", "profile": {"bio": "hi", "theme": "dark"},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.ndjson", b"", "empty"),
        ("a.ndjson", b" \n\n", "empty"),
        ("a.ndjson.gz", gzip.compress(b"", mtime=0), "empty"),
        ("a.json", b"<html><body>502</body></html>", "HTML"),
        ("a.ndjson", b"\x7fELF\0\0\0", "binary"),
        ("a.json", '[{"id": 1}]'.encode("utf-16"), "UTF-16"),
        ("a.txt", b"hello", "neither"),
        ("a.ndjson.gz", gzip.compress(NDJSON, mtime=0)[:-20], "gzip"),
        ("a.json", b'[{"id": 1}, {"id"', "array is broken"),
        ("a.json", b'[{"id": 1}]\n[{"id": 2}]\n', "array is broken"),
        ("a.json", b'[{"id": 1}]' + b" " * (BLOCK_CHARS + 1) + b'{"id": 2}', "array is broken"),
        # The second page would be lost silently.
        ("a.ndjson", b'{"users": [{"id": 1}]}\n{"users": [{"id": 2}]}\n', "array is broken"),
        ("a.json", b'{"users": [{"id": 1}]', "array is broken"),
        ("a.csv", b"\xff\xfe\0\0", "first line"),
        ("a.csv", b"1,ada@example.org\n2,bob@example.org\n", "setting `map`"),
        ("a.csv", b"email,E-Mail\na@b.org,c@d.org\n", "several columns give email"),
        ("a.csv", b'id,"email\n1,a@b.org\n', "the header is not a line"),
    ],
)
async def test_bad_file_says_its_fault(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)

    with pytest.raises(SourceContentError, match=reason):
        await read(path)


async def test_missing_file_names_the_setting(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"sources\.crm\.url: no file"):
        await read(tmp_path / "nowhere.ndjson")


async def test_endless_line_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "users.ndjson"
    path.write_bytes(b'{"id": 0, "x": "' + b"x" * (MAX_LINE_BYTES + 10) + b'"}\n{"id": 1}\n')

    [page] = await read(path)

    assert [len(page.records[0]), page.records[1]] == [MAX_LINE_BYTES, b'{"id": 1}\n']


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
async def test_line_as_long_as_the_limit_costs_no_other(tmp_path: Path, bom: bytes) -> None:
    path = tmp_path / "users.ndjson"
    start, end = b'{"id": 0, "x": "', b'"}\n'
    padding = b"x" * (MAX_LINE_BYTES - len(bom) - len(start) - len(end))
    path.write_bytes(bom + start + padding + end + b'{"id": 1}\n')

    assert ids(await read(path)) == [0, 1]


def test_file_address_becomes_a_path() -> None:
    assert path_of("file:///data/my%20users.csv") == Path("/data/my users.csv")
