"""Files of users: exports of one snapshot, and the import that reads them back."""
