"""Unattended runs: the daily run, backfill, reruns for late data, and the Prefect flows around them.

May import every room of flows except command, simulation and evaluation.
"""
