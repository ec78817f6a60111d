"""Users: the document, its identities, and everything that reads or writes it over the API."""
