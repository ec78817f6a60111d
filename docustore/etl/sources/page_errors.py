"""What is wrong with a page of a service. Pure."""


class PageMalformedError(ValueError):
    """An answer that is not a page; the message says what it is."""


class PageTruncatedError(PageMalformedError):
    """An answer that ends too early; the next answer may be whole."""
