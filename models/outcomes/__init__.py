"""What policing brought and what it cost: harm matrix, enforcement ledger, scoreboard, five consequences, fairness.

May import models.statistics, models.places, models.operations. No score reads anything from here.
"""
