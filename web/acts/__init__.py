"""Where people act: forms on notices, lists, operations, embargoes, visits and users, each the act of a command.

May import what `web` may, and `web.entrance`.
"""
