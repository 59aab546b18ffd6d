"""The admin API: two spellings over one engine."""
