"""Loopback servers for the tests: 127.0.0.1 only, TLS from a throw-away authority, stopped by fixtures."""
