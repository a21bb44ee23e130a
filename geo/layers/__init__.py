"""Map layers of a run: one file a format, one place where they are written together.

Imports the rest of `geo`. `writing` puts the layers into a folder, `formats` lists what can be written, `layer` is
what each format gets: stamped features and their description.
"""

from geo.layers.formats import DEFAULT_FORMATS, FORMATS
from geo.layers.layer import Description, Field
from geo.layers.writing import write_layers

__all__ = ["DEFAULT_FORMATS", "FORMATS", "Description", "Field", "write_layers"]
