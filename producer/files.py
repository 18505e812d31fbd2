"""File descriptors: each connection takes one, and where none is left, nobody is let in or told why."""

import resource

from producer.errors import SettingsError

# For the listener, AWS, the log, what Python opens, and connections that are told that there are too many.
OTHERS = 256


def allow_open_files(connections: int) -> None:
    """Raises the process's own limit as far as it takes. Raises SettingsError where the machine's limit is lower."""
    needed = connections + OTHERS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and needed > hard:
        raise SettingsError(
            f"MAX_CONNECTIONS must be at most {hard - OTHERS}: only {hard} files may be open (ulimit -n)"
        )
    if soft != resource.RLIM_INFINITY and needed > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
