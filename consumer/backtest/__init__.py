"""Rules tried on history: the archive's lines in DuckDB, decided there by the very text of the rules.

`lines` reads the archive, `run` decides, `report` tells.
"""
