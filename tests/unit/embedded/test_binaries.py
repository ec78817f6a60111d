from pathlib import Path

import pytest

from docustore.embedded.binaries import SearchPlaces, find_mongod, find_valkey
from docustore.errors import EmbeddedServerError

NOWHERE = SearchPlaces(packages=(), programs="")


def make_program(folder: Path, name: str, script: str) -> Path:
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return program


@pytest.mark.parametrize("find", [find_mongod, find_valkey])
async def test_missing_binary_names_the_next_step(find) -> None:
    with pytest.raises(EmbeddedServerError) as caught:
        await find(NOWHERE)

    sentence = str(caught.value)
    assert "\n" not in sentence
    assert "docustore[embedded]" in sentence
    assert "DOCUSTORE_MONGODB_URL and DOCUSTORE_REDIS_URL" in sentence


async def test_a_missing_library_is_named(tmp_path: Path) -> None:
    """Only the message of the dynamic loader explains the failure."""
    words = "mongod: error while loading shared libraries: libcrypto.so.3: cannot open shared object file"
    make_program(tmp_path, "mongod", f"echo '{words}' >&2; exit 127")

    with pytest.raises(EmbeddedServerError, match=r"libcrypto\.so\.3"):
        await find_mongod(SearchPlaces(packages=(), programs=str(tmp_path)))


async def test_a_wheel_goes_before_path_if_it_runs(tmp_path: Path) -> None:
    wheel, path = tmp_path / "fiftyone" / "db" / "bin", tmp_path / "bin"
    wheel.mkdir(parents=True)
    path.mkdir()
    places = SearchPlaces(packages=(str(tmp_path),), programs=str(path))
    installed = make_program(path, "mongod", "exit 0")

    make_program(wheel, "mongod", "exit 1")
    assert await find_mongod(places) == installed

    packaged = make_program(wheel, "mongod", "exit 0")
    packaged.chmod(0o644)  # as some installers leave it
    assert await find_mongod(places) == packaged
