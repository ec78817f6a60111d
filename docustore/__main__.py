"""`python -m docustore` is the `docustore` command."""

from docustore.cli.main import main

if __name__ == "__main__":
    main()
