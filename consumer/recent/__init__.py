"""The transactions that windows still reach, in PostgreSQL: rules with windows are asked of them.

`judged` is the way in; it works in the caller's database transaction, and does nothing where no rule uses a window.
"""
