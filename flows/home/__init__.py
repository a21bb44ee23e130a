"""One installation: its folder, settings, clock, the identity of a run, and the way into its store.

May import models (for their settings) and pipeline; no other room of flows.
"""
