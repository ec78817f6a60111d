"""What exists in the database: indexes, validators and options, one declaration per collection."""
