"""The dimensions of the analytics: what users are counted by. Pure.

This is the one list. Each dimension has one rule in two forms: `values_of` for a user that Python holds
(`docustore.analytics.values`), and `expression` for the server (`docustore.analytics.expressions`). Both accept
any value of any client and give the same texts. A test compares them.

A value is a text of at most `MAX_VALUE_BYTES`. `none`: the user has no value. `other`: the value is no text, is
too long, or is unknown where the words are a closed set. A value is never a part of a field path, so it may hold
dots and dollar signs.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from docustore.analytics.expressions import (
    Expression,
    completeness_expression,
    email_domain_expression,
    labels_expression,
    part_expression,
    sources_expression,
    text_expression,
    theme_expression,
)
from docustore.analytics.pipelines import counted_status_expression
from docustore.analytics.values import (
    User,
    Values,
    completeness_of,
    email_domain_of,
    language_of,
    location_of,
    roles_of,
    sources_of,
    status_of,
    tags_of,
    theme_of,
)

STATUS: Final = "status"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimension:
    """One dimension.

    `fields` are the top-level fields of a user that the rule reads. `values_of` returns at least one value, each
    once; exactly one unless `is_multi_valued`.
    """

    name: str
    title: str
    fields: tuple[str, ...]
    values_of: Callable[[User], Values]
    make_expression: Callable[[], Expression]
    is_multi_valued: bool = False

    def expression(self) -> Expression:
        """Return the rule for an aggregation over `users`.

        It gives a text, or a list of texts in any order if the dimension is multi-valued.
        """
        return self.make_expression()


_ALL: Final = (
    Dimension(
        name=STATUS,
        title="Status: active, inactive, suspended",
        fields=("status",),
        values_of=status_of,
        make_expression=counted_status_expression,
    ),
    Dimension(
        name="source",
        title="Upstream systems that know the user; `local` without any",
        fields=("identities",),
        values_of=sources_of,
        make_expression=sources_expression,
        is_multi_valued=True,
    ),
    Dimension(
        name="location",
        title="Location of the profile",
        fields=("profile",),
        values_of=location_of,
        make_expression=lambda: text_expression(part_expression("$profile", "location")),
    ),
    Dimension(
        name="language",
        title="Language of the preferences",
        fields=("profile",),
        values_of=language_of,
        make_expression=lambda: text_expression(part_expression("$profile.preferences", "language")),
    ),
    Dimension(
        name="theme",
        title="Theme of the preferences",
        fields=("profile",),
        values_of=theme_of,
        make_expression=theme_expression,
    ),
    Dimension(
        name="role",
        title="Roles",
        fields=("roles",),
        values_of=roles_of,
        make_expression=lambda: labels_expression("$roles"),
        is_multi_valued=True,
    ),
    Dimension(
        name="tag",
        title="Tags",
        fields=("tags",),
        values_of=tags_of,
        make_expression=lambda: labels_expression("$tags"),
        is_multi_valued=True,
    ),
    Dimension(
        name="completeness",
        title="How many of avatar, biography and location the profile has",
        fields=("profile",),
        values_of=completeness_of,
        make_expression=completeness_expression,
    ),
    Dimension(
        name="email_domain",
        title="Domain of the e-mail address",
        fields=("email",),
        values_of=email_domain_of,
        make_expression=email_domain_expression,
    ),
)
# By name, in the order of reports.
DIMENSIONS: Final[Mapping[str, Dimension]] = {dimension.name: dimension for dimension in _ALL}
# The top-level fields that all dimensions read.
DIMENSION_FIELDS: Final = tuple(sorted({name for dimension in _ALL for name in dimension.fields}))
