"""The board: pages on which planners, supervisors and auditors look at a home's runs and act on them.

It reads the publication and calls the functions that the commands call. May import flows (but for its commands),
pipeline, geo and models; only `flows.command.web` imports it.
"""
