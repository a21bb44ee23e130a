"""Whether an operation did what it was for: interrupted time series, difference in differences, synthetic control.

May import models.statistics, models.places, models.operations.
"""
