"""Pure values: money, periods, errors. No Django, no clock, no I/O."""
