"""Who keeps the data key of encrypted credentials.

A provider makes a key for a file that has none yet, or a new one when keys are rotated, and finds the key of a file
again by the header that the file carries. It never falls back to another provider.
"""
