"""What a run computes from: its map, frames of its snapshot, the run before it.

May import home.
"""
