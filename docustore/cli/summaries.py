"""The texts of commands, read from the source of their modules.

An import of all commands takes more than a second, and the list of commands needs only one line of each.
"""

import ast
from functools import cache
from importlib.util import find_spec
from pathlib import Path


def help_text(module: str, function: str) -> str | None:
    """Return the docstring of a function at the top level of a module.

    None if it has none, or if the source is not at hand.
    """
    return _docstrings(module).get(function)


@cache
def _docstrings(module: str) -> dict[str, str]:
    spec = find_spec(module)
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return {}
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return {node.name: text for node in functions if (text := ast.get_docstring(node)) is not None}
