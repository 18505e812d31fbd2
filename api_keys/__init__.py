"""API keys as the producer judges them and admins change them: what the secret holds, and each change of it."""
