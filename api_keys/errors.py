"""What can go wrong with keys, sorted by what the caller does about it.

KeysError
├── SecretUnavailableError   retry: a secret can't be read or written now
│   └── SecretEmptyError           there is none, or it has no value yet
├── MalformedKeysError       crash: the secret holds no key document
└── KeyChoiceError           reject: there is no such key, or more than one
"""


class KeysError(Exception):
    """The root of this package's errors. No message of theirs holds a key."""


class SecretUnavailableError(KeysError):
    """Secrets Manager did not do what was asked of it."""


class SecretEmptyError(SecretUnavailableError):
    """The secret does not exist, or nothing was ever put into it."""


class MalformedKeysError(KeysError):
    """The secret is not the document it has to be."""


class KeyChoiceError(KeysError):
    """A command names no key, more than one, or one that can't be changed so; the message says what to name."""
