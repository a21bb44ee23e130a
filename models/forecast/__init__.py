"""The forecast of harm per cell: history, scales, learning, long memory, predictive draws, outcomes.

May import statistics, models.arrays and models.checks.
"""
