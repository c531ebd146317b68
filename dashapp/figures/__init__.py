"""What shows as charts. Pure: a snapshot in, a plain figure dict with typed arrays out."""
