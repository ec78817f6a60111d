"""The version of a document as an entity tag. Pure. See: RFC 9110, 8.8.3."""


def entity_tag(version: int) -> str:
    """Write a version as a strong entity tag."""
    return f'"{version}"'
