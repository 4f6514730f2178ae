"""Nightly clusters of a team's LLM traces, as a Dagster asset graph."""
