"""From what the application says or throws to the event that is sent."""
