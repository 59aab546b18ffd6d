"""What has to be true of an installation while it runs; each file looks at one side of it."""
