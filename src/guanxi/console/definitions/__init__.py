"""What was decided in advance: read, written, planned, made live and taken back in the browser."""
