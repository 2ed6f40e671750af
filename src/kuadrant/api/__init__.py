"""The Kubernetes kinds that are read and written, as frozen structs, and the reading of documents of them."""
