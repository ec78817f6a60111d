"""Rules of packages: one that cannot be used is an error, never missing."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from docustore.errors import ConfigurationError
from docustore.quality.declared import rule_set
from docustore.quality.installed import ENTRY_POINTS, installed_rules
from docustore.quality_settings import RuleSettings

RULES = """
from docustore.quality.rules import Dimension, Holds, Rule, Severity

def is_long(user):
    return len(user["last_name"]) > 1

RULES = [
    Rule(
        name="{name}",
        title="The last name has two letters.",
        remedy="Ask the person.",
        dimension=Dimension.ACCURACY,
        severity=Severity.WARNING,
        fields=("{field}",),
        check=Holds(test={test}),
    ),
]
NUMBER = 1
"""
Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install a package with one rule; its module has the name of the test's folder."""
    module = f"acme_{tmp_path.name.replace('-', '_')}"

    def made(
        *, value: str = "RULES", name: str = "last_name_long", field: str = "last_name", test: str = "is_long"
    ) -> None:
        (tmp_path / f"{module}.py").write_text(RULES.format(name=name, field=field, test=test), "utf-8")
        about = tmp_path / "acme-1.2.dist-info"
        about.mkdir()
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.2\n", "utf-8")
        target = value if ":" in value else f"{module}:{value}"
        (about / "entry_points.txt").write_text(f"[{ENTRY_POINTS}]\nacme = {target}\n", "utf-8")
        monkeypatch.syspath_prepend(str(tmp_path))
        installed_rules.cache_clear()

    yield made
    monkeypatch.undo()
    installed_rules.cache_clear()


def test_rules_of_a_package_judge_users(install: Install) -> None:
    install()

    rules = rule_set({"last_name_long": RuleSettings(owner="crm team")})

    rule = rules.find("last_name_long")
    assert rule is not None
    assert rule.owner == "crm team"
    verdict = rules.verdict_of({"last_name": "X"})
    assert verdict is not None
    assert rules.ids["last_name_long"] in verdict["violated"]
    # A rule that raises has not judged the user.
    broken = rules.verdict_of({"last_name": None})
    assert broken is not None
    assert rules.ids["last_name_long"] in broken["skipped"]


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"value": "nowhere:RULES"}, "cannot be loaded (ModuleNotFoundError"),
        ({"value": "NUMBER"}, "must be a sequence of Rule"),
        ({"value": "is_long.__code__.co_names"}, "str is no Rule"),
        ({"name": "Last-Name"}, "rule name 'Last-Name': use a-z"),
        ({"name": "email_valid"}, "two rules have the name email_valid"),
        ({"field": "password_hash"}, "cannot read the field password_hash"),
        ({"test": "eval('lambda user: True')"}, "has no source file"),
    ],
)
def test_what_cannot_be_used_is_refused(install: Install, given: dict[str, str], problem: str) -> None:
    install(**given)

    with pytest.raises(ConfigurationError) as refused:
        rule_set({})

    assert problem in str(refused.value)
    assert ENTRY_POINTS in str(refused.value)
