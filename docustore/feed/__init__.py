"""The live feed: the changes of users as a stream, in the order of history."""
