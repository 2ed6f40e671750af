"""One machine: a folder of YAML, a real Envoy, and everything between, in one process."""
