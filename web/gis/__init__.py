"""The map service: the layers of a home's runs by OGC API – Features and Tiles, to read alone.

It is handed the runs and the frame of pages by the board, and may import flows.home, flows.outputs, pipeline and geo,
but nothing else of `web`, which imports it.
"""
