"""What is wrong with a page of a service. Pure."""


class PageMalformedError(ValueError):
    """An answer that is not a page; the message says what it is."""


class RecordsElsewhereError(PageMalformedError):
    """An answer that has a list of records at another path."""

    def __init__(self, problem: str, *, records_key: str) -> None:
        super().__init__(f'{problem}; its records seem to be at "{records_key}": set records_key to it')
        self.records_key = records_key


class PageTruncatedError(PageMalformedError):
    """An answer that ends too early; the next answer may be whole."""
