"""What an operator's tools ask: is it alive, can it serve, how is it doing. No names of anybody's in any answer."""
