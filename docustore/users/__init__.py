"""Users: the document, its identities, and all reads and writes through the API."""
