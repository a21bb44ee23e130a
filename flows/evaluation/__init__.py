"""Measurements: forecast backtest, people validation, NIJ challenge, near repeats, visit compliance, benefit cases.

May import home and run.
"""
