"""What the operator wrote: schemas, atomic files, the interactive scripts."""
