"""The configuration file of a new installation names every setting."""

import re
import tomllib
from typing import Any

from pydantic import TypeAdapter

from docustore.cli.config_template import EXAMPLES, UNSET, config_template
from docustore.config import Settings
from docustore.source_options.kind import SourceKind
from docustore.source_settings import SourceSettings

TEXT = config_template()


def uncommented(text: str) -> dict[str, Any]:
    return tomllib.loads(re.sub(r"^#(?! )", "", text, flags=re.MULTILINE))


def given(settings: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if value != UNSET}


def test_file_as_it_is_changes_nothing() -> None:
    assert tomllib.loads(TEXT) == {}


def test_every_setting_is_named_with_its_default_and_meaning() -> None:
    own = uncommented(TEXT.partition("# Your upstream systems")[0])

    assert own.keys() == Settings.model_fields.keys() - {"sources"}
    assert Settings(**given(own)) == Settings()
    for name, field in Settings.model_fields.items():
        assert name == "sources" or f"# {field.description}\n#{name} = " in TEXT


def test_every_setting_of_a_source_is_named_with_its_default() -> None:
    text = TEXT.partition("# All other settings of a source")[2].partition("\n")[2]
    settings = uncommented(text)

    assert settings.keys() == {
        name for name, field in SourceSettings.model_fields.items() if not field.is_required()
    }
    for name, value in given(settings).items():
        field = SourceSettings.model_fields[name]
        default = field.get_default(call_default_factory=True)
        assert TypeAdapter(field.annotation).validate_python(value) == default, name


def test_there_is_an_example_of_each_kind() -> None:
    middle = TEXT.partition("# Your upstream systems")[2].partition("# All other settings")[0]
    sources = uncommented("# " + middle)["sources"]

    assert {source["kind"] for source in sources.values()} == {kind.value for kind in SourceKind}
    for name, source in sources.items():
        assert EXAMPLES[SourceKind(source["kind"])][0] == name
        SourceSettings.model_validate(source)
