"""Values every other package stands on: money, ids, time, errors, paging, phones. Standard library only."""
