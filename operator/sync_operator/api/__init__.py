"""What the cluster holds: names, specs, statuses, and the CRDs generated from them."""
