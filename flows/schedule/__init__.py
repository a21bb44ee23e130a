"""Unattended runs: the daily run, backfill, reruns for late data, and the Prefect flows around them.

May import home, human_log, run, ingest, decisions, outputs and health.
"""
