"""Take many complaints in at once, from a file or a request's body: read rows, map them, file them batch by batch."""
