"""Messages to external recipients: the transactional outbox, and the fields each partner may receive.

May import the shared modules of pipeline; does not depend on the store.
"""
