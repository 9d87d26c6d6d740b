"""What reports are made of: tables and figures as data, pictures, pages without a network."""
