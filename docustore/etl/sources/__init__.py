"""The kinds of upstream systems, one module each."""
