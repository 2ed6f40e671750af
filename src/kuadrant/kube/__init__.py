"""The edge to the Kubernetes API: what is there is followed and kept, what ought to be there is applied.

Nothing in here knows what a rate limit is. The parts that decide (``Reflector``, ``Table``, ``Queue``,
``Elector``, ``Aggregator``, ``is_needed``) have neither sockets nor clocks; those that act (``Follower``,
``Workers``, ``Applier``, ``Leadership``, ``Recorder``) are thin and need an event loop.
"""
