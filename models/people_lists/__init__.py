"""Lists of people: rule features, gates, routes and tiers, listing terms, call-in, explanations.

May import people_scores, statistics and models.changes.
"""
