"""The only owner of threads, queues and signals."""
