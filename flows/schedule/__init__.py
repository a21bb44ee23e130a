"""Unattended runs: the daily run, backfill, reruns for late data, and the Prefect flows around them.

May import every room of flows but command, simulation and evaluation.
"""
