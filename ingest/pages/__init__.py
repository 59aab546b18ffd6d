"""The dashboard: what the admin API can do, as pages for people."""
