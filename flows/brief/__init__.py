"""The morning brief of a kept run: made on demand, after each daily run, and sent by mail.

May import home, run and outputs.
"""
