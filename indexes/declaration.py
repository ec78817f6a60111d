"""Declarations: a collection with indexes, validator, options; or a view."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pymongo import IndexModel


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionDeclaration:
    """One collection as the code needs it; `indexes.declared` lists all of them.

    `validator` is a `$jsonSchema` query; None when only one module writes the collection. `has_images` enables
    pre- and post-images for change streams.
    """

    name: str
    indexes: tuple[IndexModel, ...] = ()
    validator: Mapping[str, Any] | None = None
    has_images: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewDeclaration:
    """One view: a pipeline over the collection `on` makes its documents."""

    name: str
    on: str
    pipeline: Sequence[Mapping[str, Any]]


Declaration = CollectionDeclaration | ViewDeclaration
