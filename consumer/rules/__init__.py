"""Rules as analysts write them: a file, checked when it is read, evaluated live and over history with one meaning.

`language` reads a `when` into the typed tree of `tree`, which is the one text of a rule. All that evaluates it walks
that tree: `evaluate` makes Python of it, `growth` says whether more transactions can only make it true.
"""
