"""What a simulated town reports: incidents, events, versions, registers, planted defects.

May import world.
"""
