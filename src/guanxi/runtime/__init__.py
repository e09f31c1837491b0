"""What happens later: timers, messages to the outside, and the worker that sees to both."""
