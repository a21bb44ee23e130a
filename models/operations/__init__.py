"""Operations: officer hours, crackdowns, visits, promises, tipping points, benefit cases.

May import statistics, governance, places, models.arrays and models.checks.
"""
