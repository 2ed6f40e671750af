"""The rate limit service as a process in a cluster: it holds the limits of one ``Limitador`` resource.

* It never answers before it holds limits: until then the port is closed, so that gateways do what their
  failure mode says.
* The last good limits stay: while the API server is away, if the resource gets wrong limits, and if it is
  deleted. They stay until the process ends; a process that starts without a resource, or with a wrong one,
  holds none and is not ready.
* An empty list of limits is no mistake: then there are none.
* What is said in the resource's status is a function of the resource alone, see
  ``kuadrant.ratelimit_follower.limitador_status``.
* Without a store each process counts by itself: two replicas admit up to twice as much. With one
  (``spec.storage.redis``) all count together, and while it does not answer every limited request gets an
  error, so that the gateway's failure mode decides.
"""

from kuadrant.ratelimit_follower.process import run

__all__ = ["run"]
