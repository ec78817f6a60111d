"""The code that decides what a rule says. Pure.

A rule calls helpers, such as the normalisation of e-mail addresses. A helper that changes must change the version
of the rule: otherwise users keep verdicts of the old code. So the helpers belong to the code, and so do the
constants that it reads. The code of other packages does not.
"""

import inspect
import re
from collections.abc import Callable, Iterator
from enum import EnumType
from functools import lru_cache
from types import CodeType, FunctionType
from typing import Any, Final

_PLAIN: Final = (str, bytes, int, float, type(None))


# Reading a source takes milliseconds. Functions of declared rules are made anew with each set of rules.
@lru_cache(maxsize=256)
def code_of(function: Callable[..., Any]) -> str:
    """Return the source of a function and of its helpers.

    The constants that they read are included. Helpers are the functions of the same package that it calls by name,
    and theirs. Equal in every process that runs the same code.
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
    """Yield the names of the module that a function reads, with their values."""
    if isinstance(function, FunctionType):
        for name in sorted(_names(function.__code__)):
            if name in function.__globals__:
                yield name, function.__globals__[name]


def _names(code: CodeType) -> set[str]:
    inner = (each for each in code.co_consts if isinstance(each, CodeType))
    return set(code.co_names).union(*map(_names, inner))


def _constant(value: Any) -> str | None:
    """Return a constant as text; None for any other value."""
    if isinstance(value, re.Pattern):
        return f"{value.pattern!r} {value.flags}"
    if isinstance(value, EnumType):
        return repr(list(value.__members__.items()))
    if isinstance(value, frozenset):
        # The order of a set differs between processes.
        return repr(sorted(map(repr, value)))
    if isinstance(value, tuple):
        return repr([_constant(each) for each in value])
    return repr(value) if isinstance(value, _PLAIN) else None
