"""The edge to the Kubernetes API: what is there is followed and kept, what ought to be there is applied."""
