"""What the counts of areas say of their rates now and of the days ahead.

Plain arrays in and out: which events count, and on which axis, is decided in `models.places`. Files here may import
`models.statistics`.
"""
