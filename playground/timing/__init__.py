"""How fast the devices of this machine are: matrix products and training steps, by size, in a process of its own."""
