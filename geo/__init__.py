"""Pure geometry in metres: areas, cells, hot spots, market shapes, map layers. Flat, one file a noun.

Imports nothing of the other packages.
"""
