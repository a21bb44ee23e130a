"""Pure geometry in metres: areas, cells, hot spots, market shapes, map layers. One flat package.

Imports no other package of the project.
"""
