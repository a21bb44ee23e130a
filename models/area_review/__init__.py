"""What a planner has to know beside an area ranking: sizes of areas, how ranks move with other choices, who is nearest.

May import places, models.arrays and models.checks.
"""
