"""One installation: its folder, settings, clock, run identity and store access.

May import models (for their settings) and pipeline; no other package of flows.
"""
