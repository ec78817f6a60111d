"""docustore: a self-hosted user-document service on MongoDB."""

__version__ = "0.1.0"
