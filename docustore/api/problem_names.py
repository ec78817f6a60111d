"""The names of problems: the last part of their `type`, and their title. Pure."""

from docustore.errors import DocustoreError


def name_of(error: type[DocustoreError]) -> str:
    """Turn `EmailTakenError` into `email-taken`."""
    words = error.__name__.removesuffix("Error")
    return "".join(f"-{char.lower()}" if char.isupper() else char for char in words).lstrip("-")


def title_of(name: str) -> str:
    """Turn `email-taken` into `Email taken`."""
    return name.replace("-", " ").capitalize()
