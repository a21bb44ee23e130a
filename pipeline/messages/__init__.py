"""Messages to others: the outbox that commits with the rows, and what partners may be told.

May import the shared modules of pipeline; knows no store.
"""
