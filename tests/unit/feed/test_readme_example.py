"""The example of the README is valid."""

import ast
import re
from pathlib import Path

from docustore.feed import client

README = (Path(__file__).parents[3] / "README.md").read_text()


def test_example_uses_what_the_client_has() -> None:
    section = README.partition("### Follow the changes")[2].partition("\n##")[0]
    (code,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)

    tree = ast.parse(code)
    imported = [name.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for name in node.names]
    given = {keyword.arg for node in ast.walk(tree) if isinstance(node, ast.Call) for keyword in node.keywords}

    assert set(imported) <= vars(client).keys()
    assert given <= set(client.follow.__kwdefaults__ or ())
