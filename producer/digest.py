"""MD5, as Kinesis hashes partition keys with it: Python's own, which takes half of OpenSSL's time for a short text."""

import hashlib
from functools import partial
from importlib import import_module, util

md5 = import_module("_md5").md5 if util.find_spec("_md5") else partial(hashlib.md5, usedforsecurity=False)
