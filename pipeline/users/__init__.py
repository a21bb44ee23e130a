"""Users of a home: their encrypted table, passwords and tokens. May import the shared modules and pipeline.privacy."""
