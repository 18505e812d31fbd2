"""API keys as people handle them: made, listed, replaced, revoked. Each change is one version of the secret."""
