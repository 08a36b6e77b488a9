"""Which networks a study needs, and training them all."""
