"""The board: everybody in one wide table with all that is known of them, built when something has changed."""
