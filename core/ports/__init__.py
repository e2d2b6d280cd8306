"""What the shell needs from the world, as small protocols in the caller's words."""
