"""Define contracts, in which the owners of an event type say what its events hold; load, evolve and propose them."""
