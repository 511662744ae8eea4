"""Commands that make the tables in README.md."""
