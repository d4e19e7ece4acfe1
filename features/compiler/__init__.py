"""Feature cards compiled to SQL: the slot plan, and the range join it is compared with."""
