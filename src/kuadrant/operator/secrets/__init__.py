"""Makes and keeps the operator's own Secrets."""
