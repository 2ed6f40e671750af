"""One cluster: the API server's objects in, the objects of its gateways and the statuses of its policies out."""
