"""The forecast of harm per cell: history, scales, learning, long memory, predictive draws, outcomes.

Imports no other subpackage of models.
"""
