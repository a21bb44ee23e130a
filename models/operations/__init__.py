"""Operations: officer hours, crackdowns, visits, promises, tipping points, benefit cases.

May import statistics, models.arrays and models.checks.
"""
