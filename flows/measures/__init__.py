"""What a run measures of what was done: harm matrix, enforcement ledger, scoreboard, unintended consequences.

May import home, inputs. No score, list or plan reads anything from here.
"""
