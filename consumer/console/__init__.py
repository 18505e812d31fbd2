"""The console: a page for the people who decide about anomalies."""
