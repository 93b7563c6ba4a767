"""The demo world: a made-up shop, made from a seed, run through the same commands as a real one."""
