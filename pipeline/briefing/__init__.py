"""What the report says first: where to be today and why, what was left out, why an area ranks where it does; downloads.

May import privacy, publication, wording and the shared modules of pipeline.
"""
