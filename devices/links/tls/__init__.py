"""TLS: what an endpoint accepts, asked without a TLS library."""
