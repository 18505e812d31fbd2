"""The AWS of `make run`: ministack (MIT) with the corrections that this pipeline needs, applied in memory.

ministack asks that ports of its code keep its notice. Nothing here is a port: each correction is a small module of its
own that replaces or wraps functions of the installed package, and says which defect it mends and how it was seen.
"""
