"""Files for people written from a kept run: map layers, report, audit page, plan page.

May import home, run, human_log and decisions.
"""
