"""`in_qgis.py` is run by the Python that QGIS brings, not by this one."""

collect_ignore = ["in_qgis.py"]
