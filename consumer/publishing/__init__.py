"""How rules come to those who evaluate them: one file of all editions, in a folder or in S3, which everybody reads.

`place` reads and writes the file, `publish` adds an edition, `fill` what its windows begin with, `watch` follows it
beside KCL's daemon, `shelf` has it in a child, `reports` tells the publisher who knows it.
"""
