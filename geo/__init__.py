"""Pure geometry in metres: areas, cells, hot spots, market shapes. One flat package, and a room of map layers.

Imports no other package of the project.
"""
