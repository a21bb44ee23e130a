"""Evaluation of forecasts and people scores against the outcomes, with baselines.

May import forecast and statistics.
"""
