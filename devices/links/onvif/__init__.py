"""ONVIF: a SOAP client of our own, and what its calls show."""
