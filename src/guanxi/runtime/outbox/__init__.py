"""What is to be sent to the outside, written beside the state change that wants it sent."""
