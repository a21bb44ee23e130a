"""Files as people have them, as tables of rows: every row of a file is read, or refused with its line.

May import the shared modules of pipeline.
"""
