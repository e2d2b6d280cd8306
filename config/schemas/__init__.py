"""What the operator's files may hold: strict models, errors with path, field, value and remedy."""
