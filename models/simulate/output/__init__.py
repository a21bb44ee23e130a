"""Output of a simulated town: incidents, events, versions, registers, planted defects.

This package may import world.
"""
