"""Pure verbs: values in, values out, no input or output."""
