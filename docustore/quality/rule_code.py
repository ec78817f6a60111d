"""The code that decides what a rule says. Pure.

A rule calls helpers, such as the normalisation of e-mail addresses. A helper that changes must change the version
of the rule: otherwise users keep verdicts of the old code. So the helpers belong to the code, and so do the
constants that it reads. The code of other packages does not.
"""

import inspect
import re
from collections.abc import Callable, Iterator
from datetime import date, time, timedelta
from decimal import Decimal
from enum import EnumType
from functools import lru_cache
from types import CodeType, FunctionType, ModuleType
from typing import Any, Final

_PLAIN: Final = (str, bytes, int, float, type(None), date, time, timedelta, Decimal)


# Reading a source takes milliseconds. Functions of declared rules are made anew with each set of rules.
@lru_cache(maxsize=256)
def code_of(function: Callable[..., Any]) -> str:
    """Return the source of a function and of its helpers.

    The constants that they read are included, and what they hold as closures and defaults. Helpers are the
    functions of the same package that it calls by name, and theirs. Equal in every process that runs the same
    code.
    """
    package = _package_of(function)
    parts: dict[str, str] = {}
    waiting = [inspect.unwrap(function)]
    while waiting:
        own = waiting.pop()
        name = f"{own.__module__}.{own.__qualname__}"
        if name in parts:
            continue
        parts[name] = inspect.getsource(own)
        for used, value in _used(own):
            helper = inspect.unwrap(value) if callable(value) else None
            if isinstance(helper, FunctionType) and _package_of(helper) == package:
                waiting.append(helper)
            elif (text := _constant(value)) is not None:
                parts[f"{own.__module__}.{used}"] = text
    return "\0".join(parts[name] for name in sorted(parts))


def _package_of(function: Callable[..., Any]) -> str:
    return function.__module__.partition(".")[0]


def _used(function: Callable[..., Any]) -> Iterator[tuple[str, Any]]:
    """Yield what a function reads beside its arguments, by name.

    Names of its module, names of other modules of the package, variables of the function that made it, defaults.
    """
    if not isinstance(function, FunctionType):
        return
    names = sorted(_names(function.__code__))
    for name in names:
        value = function.__globals__.get(name)
        if isinstance(value, ModuleType):
            yield from _used_of_module(value, names, package=_package_of(function))
        elif name in function.__globals__:
            yield name, value
    held = inspect.getclosurevars(function).nonlocals
    defaults = {name: each.default for name, each in inspect.signature(function).parameters.items()}
    for name, value in [*sorted(held.items()), *sorted(defaults.items())]:
        if value is not inspect.Parameter.empty:
            yield f"{function.__qualname__}.{name}", value


def _used_of_module(module: ModuleType, names: list[str], *, package: str) -> Iterator[tuple[str, Any]]:
    if module.__name__.partition(".")[0] == package:
        for name in names:
            if hasattr(module, name):
                yield f"{module.__name__}.{name}", getattr(module, name)


def _names(code: CodeType) -> set[str]:
    inner = (each for each in code.co_consts if isinstance(each, CodeType))
    return set(code.co_names).union(*map(_names, inner))


def _constant(value: Any) -> str | None:
    """Return a constant as text; None for any other value."""
    if isinstance(value, re.Pattern):
        return f"{value.pattern!r} {value.flags}"
    if isinstance(value, EnumType):
        return repr(list(value.__members__.items()))
    if isinstance(value, frozenset | set):
        # The order of a set differs between processes.
        return repr(sorted(map(repr, value)))
    if isinstance(value, tuple | list):
        return repr([_constant(each) for each in value])
    if isinstance(value, dict):
        return repr([(_constant(name), _constant(each)) for name, each in value.items()])
    return repr(value) if isinstance(value, _PLAIN) else None
