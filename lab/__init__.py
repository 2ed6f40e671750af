"""A real one-node Kubernetes with Istio in a box of namespaces, for tests and for trials (docs/lab.md)."""
