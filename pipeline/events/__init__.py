"""Events: their schema, columns, checks, decoding, dead letters, and the codebook of offences.

May import privacy and the shared modules of pipeline.
"""
