"""Evaluation of forecasts and people scores against what then happened, with baselines.

May import forecast and statistics.
"""
