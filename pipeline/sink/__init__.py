"""Where events go: the codec, the local outbox, the loader and the store with its schema."""
