"""Pure decisions: what the word of a channel changes."""
