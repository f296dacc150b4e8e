"""TLS as far as a prober needs it, sans-io and independent of any TLS library.

What a library refuses to speak can so still be offered, and what an answer holds is known to the
byte: SSL 2.0 to TLS 1.3.
"""
