"""Whatever waits: a row per timer, fired in sets, in the transaction of its effect."""
