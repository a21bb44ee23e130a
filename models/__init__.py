"""Pure models: tables in, tables out. Know no Kafka, Prefect, DuckDB or YAML, and read no clock.

Rooms by subject; directly in the package stand `changes`, which places and people share, and for all rooms `arrays`
(types) and `checks` (of settings).
"""
