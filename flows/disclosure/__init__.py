"""What the force tells: the public about the system and its safeguards and fairness, a person what is held about them.

May import home, human_log, run, decisions and outputs of flows, and pipeline, geo, models.
"""
