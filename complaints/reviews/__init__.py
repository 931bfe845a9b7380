"""What staff do with whatever they review: one queue, one desk, one way to count it. Each noun adds what is its own."""
