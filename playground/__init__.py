"""See PyTorch work: experiments as values, and everything that renders them."""
