"""What shoppers do: taken in durably, remembered for the next answer, read back as histories."""
