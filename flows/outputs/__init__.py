"""Files for people written from a kept run: map layers, report, audit page, plan page; and explanations of it.

May import home, run, human_log and decisions.
"""
