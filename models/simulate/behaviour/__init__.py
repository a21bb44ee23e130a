"""What people in a simulated town do: offending, markets, patrol, custody, warrants, staffing, actions.

May import world and output.
"""
