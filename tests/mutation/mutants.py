"""Mutants of one module: one comparison, constant or condition changed in each.

The operators are those of mutmut that change what a program decides. mutmut itself leaves constants outside of
functions alone and changes the texts of messages; this list does the opposite.
"""

import difflib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import libcst as cst
from libcst.metadata import MetadataWrapper
from mutmut.mutation import file_mutation, mutators
from mutmut.mutation.pragma_handling import get_ignored_lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """A changed copy of a module.

    `removed` and `added` are the changed lines, stripped.
    """

    line: int
    source: str
    removed: str
    added: str


def _negated_condition(node: cst.If | cst.While | cst.CompIf) -> Iterator[cst.CSTNode]:
    """Negate a condition that is a name, an attribute or a call."""
    if isinstance(node.test, cst.Name | cst.Attribute | cst.Call | cst.Subscript | cst.NamedExpr):
        bracketed = node.test.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
        yield node.with_changes(test=cst.UnaryOperation(operator=cst.Not(), expression=bracketed))


_OPERATORS: Final[list[tuple[type, Callable[[Any], Iterable[cst.CSTNode]]]]] = [
    (cst.BaseNumber, mutators.operator_number),
    (cst.Name, mutators.operator_name),
    (cst.UnaryOperation, mutators.operator_remove_unary_ops),
    (cst.CSTNode, mutators.operator_keywords),
    (cst.CSTNode, mutators.operator_swap_op),
    (cst.IfExp, mutators.operator_if_exp),
    (cst.If, _negated_condition),
    (cst.While, _negated_condition),
    (cst.CompIf, _negated_condition),
]


class _Visitor(file_mutation.MutationVisitor):
    """mutmut's visitor for plain functions, decorated ones included."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._class_keywords: set[int] = set()

    def _skip_node_and_children(self, node: cst.CSTNode) -> bool:
        if isinstance(node, cst.ClassDef):
            # `frozen=True` and its like: how a class is made, not what it decides.
            self._class_keywords |= {id(keyword) for keyword in node.keywords}
        if id(node) in self._class_keywords:
            return True
        if isinstance(node, cst.FunctionDef):
            # What awaits talks to a server: the integration tests hold it, not the unit tests.
            return node.asynchronous is not None
        return super()._skip_node_and_children(node)


def mutants_of(path: Path) -> list[Mutant]:
    """Make every mutant of a module once, in the order of its lines."""
    source = path.read_text("utf-8")
    wrapper = MetadataWrapper(cst.parse_module(source))
    visitor = _Visitor(_OPERATORS, get_ignored_lines(str(path), source, wrapper))
    wrapper.visit(visitor)
    made: dict[str, Mutant] = {}
    for mutation in visitor.mutations:
        tree = wrapper.module.deep_replace(mutation.original_node, mutation.mutated_node)
        changed = cst.ensure_type(tree, cst.Module).code
        if changed != source:
            made.setdefault(changed, _mutant(source, changed))
    return sorted(made.values(), key=lambda mutant: mutant.line)


def _mutant(source: str, changed: str) -> Mutant:
    before, after = source.splitlines(), changed.splitlines()
    delta = [row for row in difflib.ndiff(before, after) if row[0] in "+-"]
    first = next((n for n, pair in enumerate(zip(before, after, strict=False), 1) if pair[0] != pair[1]))
    return Mutant(
        line=first,
        source=changed,
        removed=" ".join(row[2:].strip() for row in delta if row[0] == "-"),
        added=" ".join(row[2:].strip() for row in delta if row[0] == "+"),
    )
