"""Do different environments get different numbers? One module a way of asking."""
