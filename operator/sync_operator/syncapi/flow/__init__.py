"""The gate that every request to a server passes: rate limiter (token bucket), circuit breaker, and wait queue.

A reconcile gets a `Permit` (`permit`); a client sends its requests through a `Route` (`route`), which leads to the
`RequestGate` (`request_gate`) of its account. The other modules are parts of the gate, and used by nothing else.
"""
