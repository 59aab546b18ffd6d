"""Kills the processes of a loaded house at each fault point and at random moments, and judges what is left."""
