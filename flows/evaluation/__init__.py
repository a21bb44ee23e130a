"""Measurements on real data: forecast backtest, people validation, NIJ challenge, near repeats, visit compliance.

May import home and run.
"""
