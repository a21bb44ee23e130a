"""Messages to recipients: the transactional outbox, the fields each partner may receive, and mail.

May import the shared modules of pipeline; does not depend on the store.
"""
